/**
 * `npm run bench:split [-- --full]`: what splitting costs when no network lies between: three segments against the whole,
 * frames, and a second session on the same weights.
 *
 * Third-party models are read from `D3_MODELS` (by default `../shared/models`); without them only the project's own is measured, and
 * the rows say which were.
 *
 * @packageDocumentation
 */
import type { TensorCodec } from '@d3/protocol';
import { isFull, writeReport } from './report.ts';
import { measureFrames } from './split/measure-frames.ts';
import { measureSplit, type SplitRow } from './split/measure-split.ts';
import { packSubjects } from './split/subjects.ts';

const frames = measureFrames();
/** Frames of a megabyte or more: in smaller ones the fixed cost of a frame is most of it. */
const worstFrame = (codec: TensorCodec) =>
  Math.max(...frames.filter((row) => row.codec === codec && row.bytes >= 1e6).map((row) => row.msPerMb));
const rows: SplitRow[] = [];
const skipped: { readonly kind: 'skipped'; readonly model: string; readonly reason: string }[] = [];
for (const subject of await packSubjects()) {
  if ('reason' in subject) skipped.push({ kind: 'skipped', ...subject });
  else
    rows.push(await measureSplit(subject.packed, { budgetMs: isFull ? 45_000 : 7_000, minRounds: isFull ? 60 : 15 }));
}
await writeReport('split', {
  figures: {
    splitOverWhole: Math.max(...rows.map((row) => row.splitOverWhole)),
    splitOverWholeWithHandoff: Math.max(...rows.map((row) => row.splitOverWholeWithHandoff)),
    handoffMsPerSegment: Math.max(...rows.map((row) => row.handoffMs)),
    frameMsPerMb: worstFrame('raw'),
    zerosFrameMsPerMb: worstFrame('zeros'),
    secondSessionMs: Math.max(...rows.map((row) => row.secondSessionMs)),
  },
  rows: [...rows, ...frames, ...skipped].map((row) => ({ ...row })),
});
