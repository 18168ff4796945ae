import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { levelsOf } from '../hpa/levels.ts';
import { placeByLevel } from '../hpa/place-by-level.ts';
import { HpaSearch } from '../hpa/search.ts';
import { labelModelOf } from '../labelling/label-model.ts';
import type { Problem, StrategyResult } from '../problem.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import { planViolation } from '../verify/verify-plan.ts';
import type { Strategy } from './strategy.ts';

/**
 * The horizontal partition algorithm (Zhang et al. 2021; levels, candidates and SIS as we reconstruct them) with two
 * additions in its spirit: a tail estimate, so that a transfer is weighed against all that follows it, and a second pass
 * over branches and borders. No maximum flow inside; it may miss the optimum, and docs/evaluation says by how much.
 */
export const hpa: Strategy = {
  name: 'hpa',
  plan(problem: Problem, graph: PreparedGraph): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    const plan = new HpaSearch(problem, graph, allowed).run();
    return plan ?? { infeasible: 'no assignment that HPA tries keeps the memory caps' };
  },
};

/** HPA without tail estimate and second pass, as the paper's abstract suggests it: what {@link hpa} is measured against. */
export const plainHpa: Strategy = {
  name: 'hpa-plain',
  plan(problem: Problem, graph: PreparedGraph): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    const ledger = placeByLevel(problem, { graph, levels: levelsOf(labelModelOf(graph)), allowed });
    const violation = planViolation(problem, ledger.assignment(), graph);
    return violation === null ? ledger.plan() : { infeasible: violation.fault };
  },
};
