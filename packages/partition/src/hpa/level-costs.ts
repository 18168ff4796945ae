import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { MergedHop } from '../objective/merge-hops.ts';
import type { Problem } from '../problem.ts';
import type { Levels } from './levels.ts';

/** The costs of a problem level by level; independent of links, so that a change of links leaves it valid. */
export interface LevelCosts {
  /** `computeMs[level * tiers + tier]`; `Infinity` where some layer of the level may not lie. */
  readonly computeMs: Float64Array;
  /** `bytes[level * hops + hop]`: coded bytes that cross a hop when it is cut just before that level. */
  readonly bytes: Float64Array;
  /** Bytes of network outputs written at each level. */
  readonly outputBytes: Float64Array;
}

/** Sums a problem's costs over levels. */
export function levelCosts(
  problem: Problem,
  graph: PreparedGraph,
  { levels, masks }: { levels: Levels; masks: Int32Array },
): LevelCosts {
  const tiers = problem.tiers.length;
  const computeMs = new Float64Array(levels.count * tiers);
  for (let layer = 0; layer < graph.layerCount; layer++) {
    const ms = problem.layers[layer]?.computeMs ?? [];
    const at = (levels.levelOf[layer] ?? 0) * tiers;
    const mask = masks[layer] ?? 0;
    for (let tier = 0; tier < tiers; tier++) {
      const own = (mask & (1 << tier)) === 0 ? Number.POSITIVE_INFINITY : (ms[tier] ?? 0);
      computeMs[at + tier] = (computeMs[at + tier] ?? 0) + own;
    }
  }
  const outputBytes = new Float64Array(levels.count);
  for (const tensor of graph.networkOutputs) {
    const level = levels.writtenAt[tensor] ?? 0;
    outputBytes[level] = (outputBytes[level] ?? 0) + (problem.tensors[tensor]?.bytes ?? 0);
  }
  return { computeMs, bytes: crossingBytes(problem, levels), outputBytes };
}

function crossingBytes(problem: Problem, levels: Levels): Float64Array {
  const hops = problem.hops.length;
  const bytes = new Float64Array((levels.count + 1) * hops);
  for (let tensor = 0; tensor < problem.tensors.length; tensor++) {
    const from = (levels.writtenAt[tensor] ?? 0) + 1;
    const to = (levels.readAt[tensor] ?? 0) + 1;
    if (to <= from) continue;
    const coded = problem.tensors[tensor]?.codedBytes ?? [];
    for (let hop = 0; hop < hops; hop++) {
      bytes[from * hops + hop] = (bytes[from * hops + hop] ?? 0) + (coded[hop] ?? 0);
      bytes[to * hops + hop] = (bytes[to * hops + hop] ?? 0) - (coded[hop] ?? 0);
    }
  }
  for (let at = hops; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) + (bytes[at - hops] ?? 0);
  return bytes;
}

/** What the tail estimates are for: stations, and the hops between them. */
export interface TailScope {
  readonly stations: readonly number[];
  readonly hops: readonly MergedHop[];
  /** Tails that are no longer needed, to write into. */
  readonly reuse?: Tails;
}

/**
 * The cheapest way to finish from each level on, given its tier, if every level lies on one tier: `ms[level * stations +
 * station]`, the level's own time included; and `next` likewise, the station where the level after it is best.
 */
export interface Tails {
  readonly ms: Float64Array;
  readonly next: Uint8Array;
}

/** Tail estimates, by dynamic programming from the last level to the first. */
export function tailsOf(problem: Problem, costs: LevelCosts, { stations, hops, reuse }: TailScope): Tails {
  const count = stations.length;
  const levelCount = costs.outputBytes.length;
  const tails = reuse ?? tailBuffers(levelCount, count);
  const lastFixedMs = count > 1 ? (problem.tierFixedMs[stations[count - 1] ?? 0] ?? 0) : 0;
  const crossing = hops.map(({ first, upBytesPerMs, delayMs }, hop) => ({
    first,
    msPerByte: 1 / upBytesPerMs,
    sharedMs: 2 * delayMs + (hop === count - 2 ? lastFixedMs : 0),
  }));
  fillOwnTimes(tails.ms, costs, { stations, hops });
  for (let level = levelCount - 2; level >= 0; level--) addRest(tails, costs, { level, crossing });
  return tails;
}

interface Rest {
  readonly level: number;
  /** Per hop between stations. */
  readonly crossing: readonly { readonly first: number; readonly msPerByte: number; readonly sharedMs: number }[];
}

/** Adds to each station's time of a level the best of staying and of crossing hops after it. */
function addRest({ ms, next }: Tails, costs: LevelCosts, { level, crossing }: Rest): void {
  const count = crossing.length + 1;
  const bytesAt = (level + 1) * (costs.computeMs.length / costs.outputBytes.length - 1);
  let best = count - 1;
  let restMs = ms[(level + 1) * count + best] ?? 0;
  let at = level * count + best;
  ms[at] = (ms[at] ?? 0) + restMs;
  next[at] = best;
  for (let station = count - 2; station >= 0; station--) {
    const { first, msPerByte, sharedMs } = crossing[station] ?? nowhere;
    const leaveMs = restMs + sharedMs + (costs.bytes[bytesAt + first] ?? 0) * msPerByte;
    const stayMs = ms[(level + 1) * count + station] ?? 0;
    if (stayMs <= leaveMs) best = station;
    restMs = Math.min(stayMs, leaveMs);
    at = level * count + station;
    ms[at] = (ms[at] ?? 0) + restMs;
    next[at] = best;
  }
}

const nowhere: Rest['crossing'][number] = { first: 0, msPerByte: 0, sharedMs: Number.POSITIVE_INFINITY };

/** Room for the tails over some levels and at most some stations. */
export function tailBuffers(levels: number, stations: number): Tails {
  const size = (levels + 1) * stations;
  return { ms: new Float64Array(size), next: new Uint8Array(size) };
}

/** Each level's own time on each station, the way back of its outputs included. */
function fillOwnTimes(ms: Float64Array, costs: LevelCosts, { stations, hops }: TailScope): void {
  const levelCount = costs.outputBytes.length;
  const tiers = costs.computeMs.length / levelCount;
  let at = 0;
  for (let level = 0; level < levelCount; level++) {
    const output = costs.outputBytes[level] ?? 0;
    let returnMs = 0;
    for (let station = 0; station < stations.length; station++) {
      if (station > 0 && output > 0) returnMs += output / (hops[station - 1]?.downBytesPerMs ?? 1);
      ms[at++] = (costs.computeMs[level * tiers + (stations[station] ?? 0)] ?? 0) + returnMs;
    }
  }
}

/** The station of each level, following the tails from the network's inputs, and what that is estimated to cost. */
export function followTails(
  problem: Problem,
  costs: LevelCosts,
  { stations, hops, tails }: TailScope & { tails: Tails },
): { chosen: Uint8Array; ms: number } {
  const count = stations.length;
  const levelCount = costs.outputBytes.length;
  let enterMs = 0;
  let best = 0;
  let bestMs = Number.POSITIVE_INFINITY;
  for (let station = 0; station < count; station++) {
    const hop = hops[station - 1];
    if (hop !== undefined) enterMs += 2 * hop.delayMs + (costs.bytes[hop.first] ?? 0) / hop.upBytesPerMs;
    const own = station === 0 || station === count - 1 ? (problem.tierFixedMs[stations[station] ?? 0] ?? 0) : 0;
    const ms = (tails.ms[station] ?? 0) + enterMs + own;
    if (ms < bestMs) [best, bestMs] = [station, ms];
  }
  const chosen = new Uint8Array(levelCount);
  let station = best;
  for (let level = 0; level < levelCount; level++) {
    chosen[level] = station;
    station = tails.next[level * count + station] ?? station;
  }
  return { chosen, ms: bestMs };
}
