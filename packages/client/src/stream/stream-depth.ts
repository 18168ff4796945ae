import { isPlan, type Plan, type PlanReport, type Problem } from '@d3/partition';

/** Frames under way at once, whatever a plan would need. */
export const MAX_STREAM_DEPTH = 64;

/**
 * How many frames a stream keeps under way to keep the slowest stage of a plan busy: as many as finish there while one passes
 * through (Little's law), at least one for each place that can work on one, and one more that waits.
 */
export function streamDepth({
  problem,
  strategies,
  chosen,
}: Pick<PlanReport, 'problem' | 'strategies' | 'chosen'>): number {
  const plan = strategies[chosen];
  if (plan === undefined || !isPlan(plan)) return 1;
  const passing = plan.slowestStageMs > 0 ? Math.ceil(plan.latencyMs / plan.slowestStageMs) : 1;
  return Math.min(MAX_STREAM_DEPTH, Math.max(passing, placesOf(problem, plan)) + 1);
}

/** Workers of the tiers that hold a layer, and one per hop that is crossed. */
function placesOf({ tiers, concurrency }: Problem, { tierOf }: Plan): number {
  const used = tiers.map((_, tier) => tierOf.includes(tier));
  const hops = Math.max(0, used.lastIndexOf(true));
  return used.reduce((sum, isUsed, tier) => sum + (isUsed ? (concurrency[tier] ?? 1) : 0), hops);
}
