import type { Problem } from '../problem.ts';
import { type Multipliers, stageWeights } from './multipliers.ts';

/** Bytes over a hop that costs nothing still take this share of their time, so that rates stay finite. */
const LEAST_SHARE = 1e-6;

/**
 * A latency problem whose plans cost what their stages and their weights cost at the given prices: how a strategy that only
 * knows sums is made to plan streams and to mind memory caps.
 *
 * @param options.loads - per layer and tier, its weights as a share of the tier's cap
 */
export function pricedProblem(
  problem: Problem,
  { stations, multipliers, loads }: { stations: readonly number[]; multipliers: Multipliers; loads: Float64Array },
): Problem {
  const weights = stageWeights(problem, stations, multipliers);
  const tierCount = problem.tiers.length;
  const layers = problem.layers.map((layer, index) => ({
    ...layer,
    computeMs: layer.computeMs.map((ms, tier) => {
      const load = loads[index * tierCount + tier] ?? 0;
      return ms * (weights.tier[tier] ?? 0) + load * (multipliers.prices[tier] ?? 0);
    }),
  }));
  const hops = problem.hops.map((hop, tier) => {
    const between = stations.findLastIndex((station) => station <= tier);
    return {
      upBytesPerMs: hop.upBytesPerMs / Math.max(weights.up[between] ?? 0, LEAST_SHARE),
      downBytesPerMs: hop.downBytesPerMs / Math.max(weights.down[between] ?? 0, LEAST_SHARE),
      delayMs: hop.delayMs * weights.delay,
    };
  });
  const tierFixedMs = problem.tierFixedMs.map((ms, tier) => ms * (weights.tier[tier] ?? 0));
  return { ...problem, layers, hops, tierFixedMs, objective: 'latency' };
}
