import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { bestPlan } from '../optimum/best-plan.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import type { Strategy } from './strategy.ts';

/** Minimum cuts beyond the first ones: as many as keep a search over a large graph to some hundredths of a second. */
const MOST_SOLVES = 400;
const LAYERS_SOLVED = 20_000;

/**
 * The best plan there is. For latency it is exact, by minimum cut (SPEC.md, section 4). For streams, and where the fastest
 * plan breaks a memory cap, it is the best plan found, and `boundMs` is a proven lower bound of every valid plan's objective.
 */
export const optimal: Strategy = {
  name: 'optimal',
  plan(problem: Problem, graph: PreparedGraph, known: readonly Plan[] = []): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    const solves = Math.min(MOST_SOLVES, Math.ceil(LAYERS_SOLVED / graph.layerCount));
    return bestPlan(problem, graph, { allowed, known, solves });
  },
};

/** {@link optimal}, given the plans of other strategies: no worse than they, even where it is not exact. */
export function optimalFrom(others: readonly Strategy[]): Strategy {
  return {
    name: optimal.name,
    plan: (problem, graph) =>
      optimal.plan(
        problem,
        graph,
        others.map((other) => other.plan(problem, graph)).filter((result) => 'tierOf' in result),
      ),
  };
}
