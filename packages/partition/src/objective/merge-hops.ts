import type { Hop } from '../problem.ts';

/** A hop between two stations: one hop, or several around relays (SPEC.md, C4). */
export interface MergedHop extends Hop {
  /** The tier it leaves, and the hop whose coding counts. */
  readonly first: number;
}

/**
 * The hops between stations: delays add, the slowest rate counts.
 *
 * @param stations - tiers that matter to a plan, ascending, the first tier among them whether it holds a layer or not
 */
export function mergeHops(hops: readonly Hop[], stations: readonly number[]): MergedHop[] {
  return stations.slice(1).map((station, index) => {
    const first = stations[index] ?? 0;
    const merged = hops.slice(first, station);
    return {
      first,
      upBytesPerMs: Math.min(...merged.map((hop) => hop.upBytesPerMs)),
      downBytesPerMs: Math.min(...merged.map((hop) => hop.downBytesPerMs)),
      delayMs: merged.reduce((total, hop) => total + hop.delayMs, 0),
    };
  });
}
