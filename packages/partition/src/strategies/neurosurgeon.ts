import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { comparePlans } from '../objective/compare-plans.ts';
import { Ledger } from '../objective/ledger.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import { planViolation } from '../verify/verify-plan.ts';
import type { Strategy } from './strategy.ts';
import { tierPairs } from './tier-pairs.ts';

/**
 * The best single cut of the topological order between two tiers, for every pair of tiers (Kang et al., Neurosurgeon,
 * ASPLOS 2017). It ignores how the graph branches: a cut puts all earlier layers before it.
 */
export const neurosurgeon: Strategy = {
  name: 'neurosurgeon',
  plan(problem: Problem, graph: PreparedGraph): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    let best: Plan | null = null;
    for (const [near, far] of tierPairs(allowed.available)) {
      const plan = bestCut(problem, graph, { near, far });
      if (plan !== null && (best === null || comparePlans(plan, best, problem.objective) < 0)) best = plan;
    }
    return best ?? { infeasible: 'no single cut of the topological order between two tiers meets the constraints' };
  },
};

/** The best valid plan with a first part of the layers on one tier and the rest on another, either part maybe empty. */
function bestCut(problem: Problem, graph: PreparedGraph, { near, far }: { near: number; far: number }): Plan | null {
  const ledger = new Ledger(problem, graph, new Array<number>(graph.layerCount).fill(far));
  const cuts = [{ objectiveMs: ledger.objectiveMs(), cut: 0 }];
  for (let layer = 0; layer < graph.layerCount; layer++) {
    ledger.move(layer, near);
    cuts.push({ objectiveMs: ledger.objectiveMs(), cut: layer + 1 });
  }
  cuts.sort((a, b) => a.objectiveMs - b.objectiveMs);
  for (const { cut } of cuts) {
    const tierOf = problem.layers.map((_, layer) => (layer < cut ? near : far));
    if (planViolation(problem, tierOf, graph) === null) return new Ledger(problem, graph, tierOf).plan();
  }
  return null;
}
