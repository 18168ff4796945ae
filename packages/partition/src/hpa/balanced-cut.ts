import { labelCosts, type StageWeights } from '../labelling/label-costs.ts';
import type { LabelModel } from '../labelling/label-model.ts';
import type { Problem } from '../problem.ts';
import { levelSums } from './level-cut.ts';
import { levelsOf } from './levels.ts';

/**
 * The cuts between levels whose slowest stage is the least, for a stream: all of them are tried, the first cut first, and
 * left as soon as a stage is no faster than the best so far.
 *
 * @param labelOf - overwritten with the label of each level, if any cut is allowed
 * @returns the slowest stage; `Infinity` when no cut is allowed
 */
export function balancedCut(
  problem: Problem,
  model: LabelModel,
  { stations, masks, labelOf }: { stations: readonly number[]; masks: Int32Array; labelOf: Uint8Array },
): number {
  const levels = levelsOf(model);
  const [count, hops] = [stations.length, stations.length - 1];
  const zeros = problem.tiers.map(() => 0);
  const none = { tier: zeros, up: zeros, down: zeros, delay: 0 };
  const sums = (weights: Partial<StageWeights>, allowed: Int32Array) =>
    levelSums(
      model,
      levels,
      labelCosts(problem, model, { stations, masks: allowed, weights: { ...none, ...weights } }),
    );
  const ones = zeros.map(() => 1);
  const free = masks.map(() => -1);
  const busy = sums({ tier: problem.concurrency.map((at) => 1 / at) }, masks).ownMs;
  const up = sums({ up: ones }, free);
  const down = sums({ down: ones }, free).ownMs;
  let bestMs = Number.POSITIVE_INFINITY;
  const cuts = new Array<number>(count).fill(0);
  /** Tries all ends of a station's levels, which start after those of the stations before. */
  const extend = (label: number, start: number, beforeMs: number): void => {
    let ownMs = 0;
    for (let end = start; end <= levels.count; end++) {
      if (end > start) ownMs += busy[(end - 1) * count + label] ?? 0;
      if (Math.max(ownMs, beforeMs) >= bestMs) return;
      if (label === hops && end < levels.count) continue;
      cuts[label] = end;
      if (label === hops) {
        bestMs = Math.max(ownMs, beforeMs);
        for (let level = 0; level < levels.count; level++) labelOf[level] = cuts.findIndex((cut) => level < cut);
        return;
      }
      let sentMs =
        end === 0 ? (up.ownMs[label + 1] ?? 0) - (up.ownMs[label] ?? 0) : (up.crossMs[(end - 1) * hops + label] ?? 0);
      if (end === levels.count) sentMs = 0;
      let backMs = 0;
      for (let level = end; level < levels.count; level++) {
        backMs += (down[level * count + label + 1] ?? 0) - (down[level * count + label] ?? 0);
      }
      extend(label + 1, end, Math.max(ownMs, beforeMs, sentMs, backMs));
    }
  };
  extend(0, 0, 0);
  return bestMs;
}
