import type { StageWeights } from '../labelling/label-costs.ts';
import type { Problem } from '../problem.ts';

/**
 * The prices of a relaxation. For throughput: `shares` of the stages, which add up to one, since no plan's weighted sum of
 * stage times exceeds its slowest stage. For memory caps: a price per tier of being over its cap, in ms per cap.
 */
export interface Multipliers {
  /** One per station, one per hop between stations up, one per hop down; empty for latency. */
  readonly shares: readonly number[];
  /** One per tier; 0 where there is no cap. */
  readonly prices: readonly number[];
}

/** Equal shares, no prices. */
export function firstMultipliers(problem: Problem, stations: readonly number[]): Multipliers {
  const stages = problem.objective === 'latency' ? 0 : 3 * stations.length - 2;
  return { shares: new Array<number>(stages).fill(1 / stages), prices: problem.tiers.map(() => 0) };
}

/** How a labelling over `stations` weighs its parts under the given multipliers. */
export function stageWeights(problem: Problem, stations: readonly number[], { shares }: Multipliers): StageWeights {
  const hopCount = stations.length - 1;
  if (problem.objective === 'latency') {
    const ones = new Array<number>(hopCount).fill(1);
    return { tier: problem.tiers.map(() => 1), up: ones, down: ones, delay: 1 };
  }
  const tier = problem.tiers.map(() => 0);
  stations.forEach((station, index) => {
    tier[station] = (shares[index] ?? 0) / (problem.concurrency[station] ?? 1);
  });
  const up = shares.slice(stations.length, stations.length + hopCount);
  return { tier, up, down: shares.slice(stations.length + hopCount), delay: 0 };
}

/**
 * One step of the dual ascent: shares move towards the slow stages, prices towards the overfull tiers, by as much as would
 * close the gap if the dual were linear (Polyak 1969), times `step`.
 */
export function ascend(
  now: Multipliers,
  { stageMs, excess, gapMs }: { stageMs: readonly number[]; excess: readonly number[]; gapMs: number },
): Multipliers {
  const mean = stageMs.reduce((sum, ms) => sum + ms, 0) / Math.max(stageMs.length, 1);
  const slopes = stageMs.map((ms) => ms - mean);
  const size = [...slopes, ...excess].reduce((sum, slope) => sum + slope * slope, 0);
  if (size === 0) return now;
  const step = gapMs / size;
  return {
    shares: ontoSimplex(now.shares.map((share, stage) => share + step * (slopes[stage] ?? 0))),
    prices: now.prices.map((price, tier) => Math.max(0, price + step * (excess[tier] ?? 0))),
  };
}

/** The nearest shares that are not negative and add up to one (Held, Wolfe, Crowder 1974). */
function ontoSimplex(values: readonly number[]): number[] {
  const descending = [...values].sort((a, b) => b - a);
  let sum = 0;
  let shift = 0;
  descending.forEach((value, index) => {
    sum += value;
    const candidate = (sum - 1) / (index + 1);
    if (value > candidate) shift = candidate;
  });
  return values.map((value) => Math.max(0, value - shift));
}
