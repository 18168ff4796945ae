import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { layerTails } from '../hpa/layer-tails.ts';
import { followTails, levelCosts, tailsOf } from '../hpa/level-costs.ts';
import { levelsOf } from '../hpa/levels.ts';
import { placeByLevel } from '../hpa/place-by-level.ts';
import { shiftBorders } from '../hpa/shift-borders.ts';
import { slideBranches } from '../hpa/slide-branches.ts';
import { comparePlans } from '../objective/compare-plans.ts';
import { Ledger } from '../objective/ledger.ts';
import { mergeHops } from '../objective/merge-hops.ts';
import { stationSets } from '../optimum/station-sets.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import { planViolation } from '../verify/verify-plan.ts';
import type { Strategy } from './strategy.ts';

/** Passes of each kind over the branches and borders, and rounds of both, at most. */
const PASSES = 4;
const ROUNDS = 4;

/**
 * The horizontal partition algorithm (Zhang et al. 2021; levels, candidates and SIS as we reconstruct them) with two
 * additions in its spirit: a tail estimate, so that a transfer is weighed against all that follows it, and a second pass
 * over the branches. No maximum flow inside; it may miss the optimum, and docs/evaluation says by how much.
 */
export const hpa: Strategy = {
  name: 'hpa',
  plan(problem: Problem, graph: PreparedGraph): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    const { masks, available } = allowed;
    const levels = levelsOf(graph);
    const costs = levelCosts(problem, graph, { levels, masks });
    let best: Plan | null = null;
    const offer = (tierOf: readonly number[], stations: readonly number[]) => {
      const ledger = new Ledger(problem, graph, tierOf);
      const scope = { graph, levels, masks, tiers: stations, passes: PASSES };
      for (let round = 0, ms = Number.POSITIVE_INFINITY; round < ROUNDS && ledger.objectiveMs() < ms; round++) {
        ms = ledger.objectiveMs();
        slideBranches(ledger, scope);
        shiftBorders(ledger, scope);
      }
      const plan = ledger.plan();
      if (planViolation(problem, plan.tierOf, graph) !== null) return;
      if (best === null || comparePlans(plan, best, problem.objective) < 0) best = plan;
    };
    for (const stations of stationSets(available)) {
      const hops = mergeHops(problem.hops, stations);
      const tails = tailsOf(problem, costs, { stations, hops });
      const byLevel = followTails(problem, costs, { stations, hops, tails });
      offer(
        Array.from(levels.levelOf, (level) => stations[byLevel[level] ?? 0] ?? 0),
        stations,
      );
      offer(placeByLevel(problem, { graph, levels, masks, stations, hops, tails }), stations);
      const byLayer = layerTails(problem, { graph, masks, stations, hops });
      offer(placeByLevel(problem, { graph, levels, masks, stations, hops, layerTails: byLayer }), stations);
    }
    return best ?? { infeasible: 'no assignment that HPA tries keeps the memory caps' };
  },
};

/** HPA without tail estimate and second pass, as the paper's abstract suggests it: what {@link hpa} is measured against. */
export const plainHpa: Strategy = {
  name: 'hpa-plain',
  plan(problem: Problem, graph: PreparedGraph): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    const stations = [...new Set([0, ...allowed.available])];
    const hops = mergeHops(problem.hops, stations);
    const tierOf = placeByLevel(problem, { graph, levels: levelsOf(graph), masks: allowed.masks, stations, hops });
    const violation = planViolation(problem, tierOf, graph);
    return violation === null ? new Ledger(problem, graph, tierOf).plan() : { infeasible: violation.fault };
  },
};
