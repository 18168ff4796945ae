import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { isPlan } from '../objective/compare-plans.ts';
import { boundedPlan } from '../optimum/bounded-plan.ts';
import { fastestPlan } from '../optimum/fastest-plan.ts';
import type { Problem, StrategyResult } from '../problem.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import { planViolation } from '../verify/verify-plan.ts';
import type { Strategy } from './strategy.ts';
import { betweenOnly, tierPairs } from './tier-pairs.ts';

/** Relaxed problems that a bounded search solves: as many as keep it under a second or so on large graphs. */
const MOST_SOLVES = 1500;
const VARIABLES_SOLVED = 60_000;

/**
 * The best plan there is. For latency it is exact, by minimum cut (SPEC.md, section 4), whenever that plan keeps the memory
 * caps. Otherwise it is the best plan found, and `boundMs` is a proven lower bound of every valid plan's objective.
 */
export const optimal: Strategy = optimalFrom([]);

/**
 * {@link optimal}, no worse than some other strategies even where it is not exact: there their plans are what the search
 * starts from.
 */
export function optimalFrom(others: readonly Strategy[]): Strategy {
  return {
    name: 'optimal',
    plan(problem: Problem, graph: PreparedGraph): StrategyResult {
      const allowed = allowedTiers(problem, graph);
      if ('infeasible' in allowed) return allowed;
      if (problem.objective === 'latency') {
        const plan = fastestPlan(problem, graph, allowed);
        if (!hasCaps(problem) || planViolation(problem, plan.tierOf, graph) === null) return plan;
      }
      const pairs = allowed.available.length > 2 ? tierPairs(allowed.available) : [];
      const seeds = [
        ...pairs.map((pair) => optimal.plan(betweenOnly(problem, pair), graph)),
        ...others.map((other) => other.plan(problem, graph)),
      ].filter(isPlan);
      const solves = Math.min(MOST_SOLVES, Math.ceil(VARIABLES_SOLVED / graph.layerCount));
      return boundedPlan(problem, graph, { allowed, seeds, solves });
    },
  };
}

function hasCaps({ constraints }: Problem): boolean {
  return (constraints.memoryBytes ?? []).some((cap) => cap !== null);
}
