import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { mergeHops } from '../objective/merge-hops.ts';
import type { Problem } from '../problem.ts';
import { layerTails } from './layer-tails.ts';
import { followTails, levelCosts, tailsOf } from './level-costs.ts';
import type { Levels } from './levels.ts';
import { placeByLevel } from './place-by-level.ts';

/** What candidates are made from. */
export interface CandidateScope {
  readonly graph: PreparedGraph;
  readonly levels: Levels;
  readonly masks: Int32Array;
}

/**
 * HPA's starting points over some stations: the best plan that cuts between levels, and two greedy placements, one with
 * tail estimates by level (good where branches meet again), one by layer (good on trees).
 */
export function candidates(problem: Problem, stations: readonly number[], scope: CandidateScope): number[][] {
  const { levels } = scope;
  const hops = mergeHops(problem.hops, stations);
  const costs = levelCosts(problem, scope.graph, scope);
  const tails = tailsOf(problem, costs, { stations, hops });
  const { chosen: byLevel } = followTails(problem, costs, { stations, hops, tails });
  const place = { ...scope, stations, hops };
  return [
    Array.from(levels.levelOf, (level) => stations[byLevel[level] ?? 0] ?? 0),
    placeByLevel(problem, { ...place, tails }),
    placeByLevel(problem, { ...place, layerTails: layerTails(problem, place) }),
  ].filter((tierOf) => tierOf.every((tier, layer) => ((scope.masks[layer] ?? 0) & (1 << tier)) !== 0));
}
