import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { fastestPlan } from '../optimum/fastest-plan.ts';
import { steadiestPlan } from '../optimum/steadiest-plan.ts';
import type { Problem, StrategyResult } from '../problem.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import type { Strategy } from './strategy.ts';

/**
 * The best plan there is. For latency without memory caps it is exact, by minimum cut (SPEC.md, section 4); otherwise it is
 * the best plan found, and `boundMs` is a proven lower bound of every valid plan's objective.
 */
export const optimal: Strategy = {
  name: 'optimal',
  plan(problem: Problem, graph: PreparedGraph): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    const search = problem.objective === 'latency' ? fastestPlan : steadiestPlan;
    return search(problem, graph, allowed);
  },
};
