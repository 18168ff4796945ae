import { significant, table } from '../terminal/table.ts';
import { allIdentical, type Distance, type ModelVerdict, type Tally } from './verdict.ts';

/** Verdicts for a person: one row a model, then what was wrong, then the answer. */
export function verdictText(verdicts: readonly ModelVerdict[]): string {
  const rows = verdicts.map((verdict) => [
    verdict.model,
    String(verdict.layers),
    verdict.level,
    tallyText(verdict.cuts),
    tallyText(verdict.random),
    tallyText(verdict.reference),
    distanceText(verdict.original),
    distanceText(verdict.recorded),
    `${verdict.seconds.toFixed(1)} s`,
    verdict.lossless ? 'lossless' : verdict.vacuous ? 'VACUOUS' : 'NOT LOSSLESS',
  ]);
  const columns = [
    { title: 'model' },
    { title: 'layers', align: 'right' },
    { title: 'level' },
    { title: 'cuts', align: 'right' },
    { title: 'random', align: 'right' },
    { title: 'reference', align: 'right' },
    { title: 'from original', align: 'right' },
    { title: 'from recorded', align: 'right' },
    { title: 'took', align: 'right' },
    { title: 'verdict' },
  ] as const;
  return `${table(columns, rows)}${verdicts.map(remarks).join('')}`;
}

function tallyText({ tested, identical, maxAbsDiff }: Tally): string {
  const counts = `${identical}/${tested}`;
  return identical === tested ? counts : `${counts} (±${significant(maxAbsDiff)})`;
}

function distanceText(distance: Distance | undefined): string {
  return distance === undefined
    ? '—'
    : `${significant(distance.maxAbsDiff)} (${significant(distance.relative)} of max)`;
}

function remarks(verdict: ModelVerdict): string {
  const lines: string[] = [];
  if (verdict.vacuous) {
    lines.push(
      `${verdict.model}: its outputs do not vary with the input, so equal outputs would prove nothing. If its weights are constants, try --random-weights 1.`,
    );
  }
  if (verdict.firstDifference !== undefined)
    lines.push(`${verdict.model}: first difference at ${verdict.firstDifference}`);
  if (!allIdentical(verdict.reference)) {
    lines.push(
      `${verdict.model}: asking for every boundary tensor changes the result, so a layer is not all that the runtime fuses.`,
    );
  }
  return lines.map((line) => `${line}\n`).join('');
}
