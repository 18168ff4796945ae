import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { evaluate } from '../objective/evaluate.ts';
import type { Problem, StrategyResult } from '../problem.ts';
import { planViolation } from '../verify/verify-plan.ts';
import type { Strategy } from './strategy.ts';

/** Everything on one tier: the plans that any split has to beat. Reported as `device-only`, `edge-only`, `cloud-only`. */
export function singleTier(tierName: string): Strategy {
  return {
    name: `${tierName}-only`,
    plan(problem: Problem, graph: PreparedGraph): StrategyResult {
      const tier = problem.tiers.indexOf(tierName);
      const tierOf = problem.layers.map(() => tier);
      const violation = planViolation(problem, tierOf, graph);
      return violation === null ? evaluate(problem, tierOf, graph) : { infeasible: violation.fault };
    },
  };
}
