import type { InferResult, Session } from '@d3/client';
import { formatBytes, formatMs, table } from '../terminal/table.ts';

/** A result for a person: the answer, where each layer ran, what crossed, and why it was so. */
export function inferText(result: InferResult, session: Session): string {
  return [answersText(result), placementText(result), hopsText(result), whyText(result, session)]
    .filter((part) => part !== '')
    .join('\n');
}

function answersText({ answers, outputs }: InferResult): string {
  if (answers.length === 0) {
    return Object.entries(outputs)
      .map(([name, tensor]) => `${name}: ${tensor.type} [${tensor.shape.join(', ')}]\n`)
      .join('');
  }
  return answers
    .map((answer) => {
      if (answer.kind === 'tensor') return `${answer.output}: [${answer.shape.join(', ')}]\n`;
      if (answer.kind === 'image')
        return `${answer.output}: a picture, ${answer.picture.width}×${answer.picture.height}\n`;
      const unsure = answer.unsure ? 'not sure; at best:\n' : '';
      const rows = answer.top.map(({ index, label, score }) => [score.toFixed(3), String(index), label]);
      return `${unsure}${table([{ title: 'score', align: 'right' }, { title: 'class', align: 'right' }, { title: 'label' }], rows)}`;
    })
    .join('');
}

function placementText({ placement }: InferResult): string {
  const rows = placement.map(({ tier, backend, layerNames, computeMs, slowdown, emulated }) => [
    tier,
    backend,
    String(layerNames.length),
    formatMs(computeMs),
    emulated ? `emulated: slowed ×${slowdown}` : '',
    layerNames.length === 0 ? '' : `${layerNames[0]} … ${layerNames.at(-1)}`,
  ]);
  const columns = [
    { title: 'tier' },
    { title: 'backend' },
    { title: 'layers', align: 'right' },
    { title: 'time', align: 'right' },
    { title: '' },
    { title: 'which' },
  ] as const;
  return table(columns, rows);
}

function hopsText({ hops }: InferResult): string {
  return hops
    .map(
      ({ hop, bytesUp, bytesDown, ms }) =>
        `${hop}: ${formatBytes(bytesUp)} up, ${formatBytes(bytesDown)} down, ${formatMs(ms)}\n`,
    )
    .join('');
}

function whyText({ totalMs, placement }: InferResult, { report }: Session): string {
  const emulated = placement.some((segment) => segment.emulated) ? ' (some of it emulated)' : '';
  return `${formatMs(totalMs)} in all${emulated}. ${report.explain.sentence}\n`;
}
