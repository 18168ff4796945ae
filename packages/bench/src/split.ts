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
const MIB = 1 << 20;
const frameOf = (codec: TensorCodec, bytes: number) => {
  const row = frames.find((candidate) => candidate.codec === codec && candidate.bytes === bytes);
  if (row === undefined) throw new Error(`Frames of ${bytes} bytes were not measured`);
  return row;
};
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
    frameMsPerMb: frameOf('raw', MIB).msPerMb,
    frameFloorMsPerMb: frameOf('raw', MIB).floorMsPerMb,
    // Larger than the processor's caches: the memory's speed, twice.
    largeFrameMsPerMb: frameOf('raw', 4 * MIB).msPerMb,
    largeFrameFloorMsPerMb: frameOf('raw', 4 * MIB).floorMsPerMb,
    zerosFrameMsPerMb: frameOf('zeros', MIB).msPerMb,
    secondSessionMs: Math.max(...rows.map((row) => row.secondSessionMs)),
  },
  rows: [...rows, ...frames, ...skipped].map((row) => ({ ...row })),
});
