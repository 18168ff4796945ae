import type { Objective, Plan, StrategyResult } from '../problem.ts';

/** Plans whose objectives differ by less than this share are equally good: rounding, not merit. */
const TIE = 1e-9;

/** The figure that an objective minimises. */
export function objectiveMs(plan: Plan, objective: Objective): number {
  return objective === 'latency' ? plan.latencyMs : plan.slowestStageMs;
}

/** Whether a strategy found a plan. */
export function isPlan(result: StrategyResult): result is Plan {
  return 'tierOf' in result;
}

/**
 * Orders plans, best first: by objective; ties go to fewer tiers, then to layers nearer the user (SPEC.md, C8).
 *
 * @returns negative when `a` is better, 0 when nothing tells them apart
 */
export function comparePlans(a: Plan, b: Plan, objective: Objective): number {
  const [left, right] = [objectiveMs(a, objective), objectiveMs(b, objective)];
  if (Math.abs(left - right) > TIE * Math.max(left, right)) return left - right;
  return new Set(a.tierOf).size - new Set(b.tierOf).size || distance(a) - distance(b);
}

function distance(plan: Plan): number {
  return plan.tierOf.reduce((total, tier) => total + tier, 0);
}
