import { type PreparedGraph, prepareGraph } from '../graph/prepare-graph.ts';
import { spread } from '../hpa/candidates.ts';
import { layerTails } from '../hpa/layer-tails.ts';
import { followTails, type LevelCosts, levelCosts, type Tails, tailBuffers, tailsOf } from '../hpa/level-costs.ts';
import { type Levels, levelsOf } from '../hpa/levels.ts';
import { placeByLevel } from '../hpa/place-by-level.ts';
import { refine } from '../hpa/refine.ts';
import { comparePlans, isPlan } from '../objective/compare-plans.ts';
import { Ledger } from '../objective/ledger.ts';
import { mergeHops } from '../objective/merge-hops.ts';
import { stationSets } from '../optimum/station-sets.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';
import { hpa } from '../strategies/hpa.ts';
import { type AllowedTiers, allowedTiers } from '../verify/allowed-tiers.ts';
import { planViolation } from '../verify/verify-plan.ts';
import type { Change } from './bands.ts';

/** A plan adjusted to new costs. */
export interface Repartitioned {
  readonly result: StrategyResult;
  /** Layers whose tier was reconsidered. */
  readonly layersEvaluated: number;
}

const PASSES = 2;

/** A cost that changed by more than this factor has not drifted but leapt: the plan is made anew. */
const LEAP = 4;

/** A level cut this much worse than the plan may still become better when refined. */
const WORTH_REFINING = 2;
const ROUNDING = 1e-9;

/** What stays true while only links change: kept from one adjustment of a plan to the next. */
interface Local {
  readonly problem: Problem;
  readonly plan: Plan;
  readonly allowed: AllowedTiers;
  readonly levels: Levels;
  readonly costs: LevelCosts;
  readonly ledger: Ledger;
  /** Tail estimates of the last time, to be overwritten. */
  readonly buffers: Tails;
  /** Level cuts that were refined the last time: the plan is no worse than what came of them. */
  readonly tried: ReadonlySet<string>;
}

const lastLocal = new WeakMap<PreparedGraph, Local>();

/**
 * Adjusts a plan to changed costs as HPA does, locally (SPEC.md, section 5): from where its borders are, and from where the
 * best cut between levels would now be, it reconsiders the branches and siblings there and stops where nothing changes. A
 * change of links alone costs microseconds, if the problem keeps the very arrays of layers and tensors. Streams, memory
 * caps, leaps, and plans that are no longer valid are planned anew by {@link hpa}.
 *
 * @param problem - with the new costs
 * @param plan - the plan in use, of a problem over the same graph
 * @param options.change - what left its band; see `changeBeyondBands`
 * @returns a plan no worse than the old one under the new costs
 */
export function repartition(
  problem: Problem,
  plan: Plan,
  options: { readonly change: Change; readonly graph?: PreparedGraph },
): Repartitioned {
  const graph = options.graph ?? prepareGraph(problem);
  const capped = (problem.constraints.memoryBytes ?? []).some((cap) => cap !== null);
  if (problem.objective !== 'latency' || capped || options.change.factor > LEAP) return replanned(problem, plan, graph);
  const local = options.change.layers.length === 0 ? reusable(problem, plan, graph) : null;
  if (local === null && planViolation(problem, plan.tierOf, graph) !== null) return replanned(problem, plan, graph);
  return adjusted(problem, graph, local ?? opened(problem, plan, graph));
}

function replanned(problem: Problem, plan: Plan, graph: PreparedGraph): Repartitioned {
  const result = hpa.plan(problem, graph);
  const layersEvaluated = graph.layerCount;
  if (planViolation(problem, plan.tierOf, graph) !== null) return { result, layersEvaluated };
  const old = new Ledger(problem, graph, plan.tierOf).plan();
  const better = isPlan(result) && comparePlans(result, old, problem.objective) < 0;
  return { result: better ? result : old, layersEvaluated };
}

function reusable(problem: Problem, plan: Plan, graph: PreparedGraph): Local | null {
  const last = lastLocal.get(graph);
  if (last === undefined || last.plan !== plan) return null;
  const same =
    last.problem.layers === problem.layers &&
    last.problem.tensors === problem.tensors &&
    last.problem.constraints === problem.constraints &&
    last.problem.tiers === problem.tiers;
  return same ? last : null;
}

function opened(problem: Problem, plan: Plan, graph: PreparedGraph): Local {
  const allowed = allowedTiers(problem, graph);
  if ('infeasible' in allowed) throw new RangeError('A valid plan satisfies its constraints');
  const levels = levelsOf(graph);
  const costs = levelCosts(problem, graph, { levels, masks: allowed.masks });
  const buffers = tailBuffers(levels.count, problem.tiers.length);
  return {
    problem,
    plan,
    allowed,
    levels,
    costs,
    ledger: new Ledger(problem, graph, plan.tierOf),
    tried: new Set(),
    buffers,
  };
}

function adjusted(problem: Problem, graph: PreparedGraph, local: Local): Repartitioned {
  const { allowed, levels } = local;
  const stations = problem.tiers.flatMap((_, tier) => (tier === 0 || allowed.available.includes(tier) ? [tier] : []));
  const scope = { graph, levels, masks: allowed.masks, tiers: stations, passes: PASSES };
  let ledger = local.ledger.relinked(problem);
  let layersEvaluated = refine(ledger, scope);
  const cuts =
    graph.sinks.length > 1
      ? [...levelCuts(problem, local), ...placements(problem, graph, local)]
      : levelCuts(problem, local);
  for (const cut of cuts) {
    const ms = ledger.objectiveMs();
    if (
      cut.ms > ms * WORTH_REFINING ||
      Math.abs(cut.ms - ms) <= ms * ROUNDING ||
      (cut.ms > ms && local.tried.has(cut.key))
    )
      continue;
    const other = new Ledger(problem, graph, cut.tierOf());
    layersEvaluated += refine(other, scope);
    if (other.objectiveMs() < ledger.objectiveMs()) ledger = other;
  }
  const plan = ledger.plan();
  lastLocal.set(graph, { ...local, problem, plan, ledger, tried: new Set(cuts.map(({ key }) => key)) });
  return { result: plan, layersEvaluated };
}

/** Where a network ends in several places, cuts between levels say little: HPA's placements by layer tails join them. */
function placements(problem: Problem, graph: PreparedGraph, { allowed, levels }: Local): LevelCut[] {
  return stationSets(allowed.available).flatMap((stations) => {
    const scope = { graph, levels, masks: allowed.masks, stations, hops: mergeHops(problem.hops, stations) };
    const tierOf = placeByLevel(problem, { ...scope, layerTails: layerTails(problem, scope) });
    if (tierOf.some((tier, layer) => ((allowed.masks[layer] ?? 0) & (1 << tier)) === 0)) return [];
    return [{ ms: new Ledger(problem, graph, tierOf).objectiveMs(), key: tierOf.join(), tierOf: () => tierOf }];
  });
}

interface LevelCut {
  readonly ms: number;
  /** Tells cuts apart. */
  readonly key: string;
  readonly tierOf: () => number[];
}

/** For each set of stations the best plan that cuts between levels, by dynamic programming over the levels alone. */
function levelCuts(problem: Problem, { allowed, costs, levels, buffers }: Local): LevelCut[] {
  return stationSets(allowed.available).map((stations) => {
    const hops = mergeHops(problem.hops, stations);
    const tails = tailsOf(problem, costs, { stations, hops, reuse: buffers });
    const { chosen, ms } = followTails(problem, costs, { stations, hops, tails });
    const middleMs = stations.slice(1, -1).reduce((sum, tier) => sum + (problem.tierFixedMs[tier] ?? 0), 0);
    return {
      ms: ms + middleMs,
      key: stations.map((tier, station) => `${tier}@${chosen.indexOf(station)}`).join(),
      tierOf: () => spread(levels, chosen, stations),
    };
  });
}
