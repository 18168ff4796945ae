import { randomSource } from './random-source.ts';

/**
 * Segments of a network as plans would have them: the whole, and the two or three parts of seeded random cuts of its topological order.
 * Each once.
 */
export function drawSegments(layerCount: number, { cuts, seed }: { cuts: number; seed: number }): number[][] {
  const next = randomSource(seed);
  const place = () => 1 + Math.floor(next() * (layerCount - 1));
  const ranges = new Map<string, readonly [number, number]>([['whole', [0, layerCount]]]);
  for (let cut = 0; cut < cuts; cut++) {
    const [first = 1, second = 1] = [place(), place()].sort((a, b) => a - b);
    for (const [from, to] of [
      [0, first],
      [first, second],
      [second, layerCount],
    ] as const) {
      if (from < to) ranges.set(`${from} ${to}`, [from, to]);
    }
  }
  return [...ranges.values()].map(([from, to]) => Array.from({ length: to - from }, (_, index) => from + index));
}
