import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { comparePlans, isPlan } from '../objective/compare-plans.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import { optimal } from './optimal.ts';
import type { Strategy } from './strategy.ts';
import { betweenOnly, tierPairs } from './tier-pairs.ts';

/**
 * The best split of the graph between two tiers by minimum cut, for every pair of tiers (Hu et al., DADS, INFOCOM 2019).
 * Other tiers only relay.
 */
export const dads: Strategy = {
  name: 'dads',
  plan(problem: Problem, graph: PreparedGraph): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    let best: Plan | null = null;
    for (const pair of tierPairs(allowed.available)) {
      const result = optimal.plan(betweenOnly(problem, pair), graph);
      if (isPlan(result) && (best === null || comparePlans(result, best, problem.objective) < 0)) best = result;
    }
    if (best === null) return { infeasible: 'no split between two tiers meets the constraints' };
    return { ...best, boundMs: 0 };
  },
};
