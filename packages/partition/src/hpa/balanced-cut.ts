import { labelCosts, type StageWeights } from '../labelling/label-costs.ts';
import type { LabelModel } from '../labelling/label-model.ts';
import type { Problem } from '../problem.ts';
import { levelSums } from './level-cut.ts';
import { type Levels, levelsOf } from './levels.ts';

/** What cuts are tried over. */
export interface BalanceScope {
  readonly stations: readonly number[];
  readonly masks: Int32Array;
  /** Per layer and tier, the share of the tier's cap; empty without caps. */
  readonly loads: Float64Array;
  /** Overwritten with the label of each level, if any cut is allowed. */
  readonly labelOf: Uint8Array;
}

/**
 * The best cuts between levels where sums alone do not decide: the slowest stage of a stream is the least, and every tier's
 * weights fit its cap. All are tried, the first cut first, and left as soon as they cost more than the best so far.
 *
 * @returns whether any cut is allowed
 */
export function balancedCut(problem: Problem, model: LabelModel, scope: BalanceScope): boolean {
  const { stations, labelOf } = scope;
  const levels = levelsOf(model);
  const [count, tiers] = [stations.length, problem.tiers.length];
  const { ownMs, leaveMs } = costsOf(problem, model, scope);
  const loads = loadsByLevel(levels, scope.loads, tiers);
  const isSum = problem.objective === 'latency';
  const cuts = new Array<number>(count).fill(0);
  let bestMs = Number.POSITIVE_INFINITY;
  /** Tries all ends of a station's levels, which start after those of the stations before. */
  const extend = (label: number, start: number, beforeMs: number): void => {
    let [ms, load] = [0, 0];
    for (let end = start; end <= levels.count; end++) {
      if (end > start) {
        ms += ownMs[(end - 1) * count + label] ?? 0;
        load += loads[(end - 1) * tiers + (stations[label] ?? 0)] ?? 0;
      }
      const totalMs = isSum ? beforeMs + ms : Math.max(beforeMs, ms);
      if (totalMs >= bestMs || load > 1) return;
      cuts[label] = end;
      if (label < count - 1) {
        const sentMs = leaveMs[end * (count - 1) + label] ?? 0;
        extend(label + 1, end, isSum ? totalMs + sentMs : Math.max(totalMs, sentMs));
      } else if (end === levels.count) {
        bestMs = totalMs;
        for (let level = 0; level < end; level++) labelOf[level] = cuts.findIndex((cut) => level < cut);
      }
    }
  };
  extend(0, 0, 0);
  return bestMs < Number.POSITIVE_INFINITY;
}

/** Time of each level on each station; and of leaving a station so that the next one starts at a level: for a stream the slower way. */
function costsOf(
  problem: Problem,
  model: LabelModel,
  { stations, masks }: BalanceScope,
): { ownMs: Float64Array; leaveMs: Float64Array } {
  const levels = levelsOf(model);
  const [zeros, ones] = [problem.tiers.map(() => 0), problem.tiers.map(() => 1)];
  const none = { tier: zeros, up: zeros, down: zeros, delay: 0 };
  const sums = (weights: Partial<StageWeights>, allowed: Int32Array) =>
    levelSums(
      model,
      levels,
      labelCosts(problem, model, { stations, masks: allowed, weights: { ...none, ...weights } }),
    );
  const hops = stations.length - 1;
  const leaveMs = new Float64Array((levels.count + 1) * hops);
  if (problem.objective === 'latency') {
    const { ownMs, crossMs } = sums({ tier: ones, up: ones, down: ones, delay: 1 }, masks);
    leaveMs.set(crossMs.subarray(0, (levels.count - 1) * hops), hops);
    return { ownMs, leaveMs };
  }
  const free = masks.map(() => -1);
  const [up, down] = [sums({ up: ones }, free), sums({ down: ones }, free)];
  const step = (ms: Float64Array, level: number, hop: number) =>
    (ms[level * stations.length + hop + 1] ?? 0) - (ms[level * stations.length + hop] ?? 0);
  for (let hop = 0; hop < hops; hop++) {
    let backMs = 0;
    for (let level = levels.count - 1; level >= 0; level--) {
      backMs += step(down.ownMs, level, hop);
      const sentMs = level === 0 ? step(up.ownMs, 0, hop) : (up.crossMs[(level - 1) * hops + hop] ?? 0);
      leaveMs[level * hops + hop] = Math.max(sentMs, backMs);
    }
  }
  return { ownMs: sums({ tier: problem.concurrency.map((at) => 1 / at) }, masks).ownMs, leaveMs };
}

function loadsByLevel({ count, levelOf }: Levels, loads: Float64Array, tiers: number): Float64Array {
  const sums = new Float64Array(count * tiers);
  for (let at = 0; at < loads.length; at++) {
    const to = (levelOf[Math.floor(at / tiers)] ?? 0) * tiers + (at % tiers);
    sums[to] = (sums[to] ?? 0) + (loads[at] ?? 0);
  }
  return sums;
}
