import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { mergeHops } from '../objective/merge-hops.ts';
import type { Problem } from '../problem.ts';
import { layerTails } from './layer-tails.ts';
import { followTails, type LevelCosts, tailsOf } from './level-costs.ts';
import type { Levels } from './levels.ts';
import { placeByLevel } from './place-by-level.ts';

/** What candidates are made from. */
export interface CandidateScope {
  readonly graph: PreparedGraph;
  readonly levels: Levels;
  readonly masks: Int32Array;
  /** Of the problem. */
  readonly costs: LevelCosts;
  /** Where the cut between levels is worse than this, nothing else is tried. */
  readonly limitMs?: number;
}

/**
 * HPA's starting points over some stations: the best plan that cuts between levels, and greedy placements: one with
 * tail estimates by level, and, where it may pay to split, one by layer (exact on trees).
 */
export function candidates(problem: Problem, stations: readonly number[], scope: CandidateScope): number[][] {
  const { levels, costs } = scope;
  const hops = mergeHops(problem.hops, stations);
  const tails = tailsOf(problem, costs, { stations, hops });
  const { chosen: byLevel, ms } = followTails(problem, costs, { stations, hops, tails });
  const place = { ...scope, stations, hops };
  const cut = spread(levels, byLevel, stations);
  if (ms > (scope.limitMs ?? Number.POSITIVE_INFINITY)) return obeys(cut, scope.masks) ? [cut] : [];
  const found = [cut, placeByLevel(problem, { ...place, tails })];
  const splits = found.some((tierOf) => tierOf.some((tier) => tier !== tierOf[0]));
  if (splits || scope.graph.sinks.length > 1) {
    found.push(placeByLevel(problem, { ...place, layerTails: layerTails(problem, place) }));
  }
  return found.filter(
    (tierOf, index) => obeys(tierOf, scope.masks) && !found.slice(0, index).some((one) => equal(one, tierOf)),
  );
}

/** The assignment that puts every level on its station. */
export function spread({ levelOf }: Levels, stationOf: Uint8Array, stations: readonly number[]): number[] {
  const tierOf = new Array<number>(levelOf.length);
  for (let layer = 0; layer < tierOf.length; layer++)
    tierOf[layer] = stations[stationOf[levelOf[layer] ?? 0] ?? 0] ?? 0;
  return tierOf;
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function obeys(tierOf: readonly number[], masks: Int32Array): boolean {
  for (let layer = 0; layer < masks.length; layer++) {
    if (((masks[layer] ?? 0) & (1 << (tierOf[layer] ?? 0))) === 0) return false;
  }
  return true;
}
