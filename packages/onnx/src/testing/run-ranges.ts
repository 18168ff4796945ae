import { extractSegment } from '../extract/extract-segment.ts';
import type { PackedModel } from '../manifest.ts';
import { type Feeds, runSegment } from './ort.ts';

/** All layers of a model. */
export function allLayers(packed: PackedModel): readonly number[] {
  return packed.manifest.layers.map((_, layer) => layer);
}

/** Runs these sets of layers one after the other, and gives every tensor that went in, crossed or came out. */
export async function runParts(
  packed: PackedModel,
  feeds: Feeds,
  parts: readonly (readonly number[])[],
): Promise<Feeds> {
  let known = feeds;
  for (const layers of parts.filter((part) => part.length > 0)) {
    const segment = extractSegment(packed, layers, { locate: ({ id }) => ({ path: id, offset: 0 }) });
    known = { ...known, ...(await runSegment(packed, segment, known)) };
  }
  return known;
}

/** The layers cut at these places. */
export function rangesAt(packed: PackedModel, cuts: readonly number[]): readonly (readonly number[])[] {
  const borders = [0, ...cuts, packed.manifest.layers.length];
  return borders.slice(0, -1).map((from, at) => allLayers(packed).slice(from, borders[at + 1]));
}
