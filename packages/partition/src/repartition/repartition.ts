import { type PreparedGraph, prepareGraph } from '../graph/prepare-graph.ts';
import { type ShiftScope, shiftLayers } from '../hpa/shift-layers.ts';
import { comparePlans, isPlan } from '../objective/compare-plans.ts';
import { Ledger } from '../objective/ledger.ts';
import { stationSets } from '../optimum/station-sets.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';
import { hpa } from '../strategies/hpa.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import { planViolation } from '../verify/verify-plan.ts';
import type { Change } from './bands.ts';
import { LinkedCuts } from './linked-cuts.ts';

/** A plan adjusted to new costs. */
export interface Repartitioned {
  readonly result: StrategyResult;
  /** Layers whose tier was reconsidered. */
  readonly layersEvaluated: number;
}

/** A cost that changed by more than this factor has not drifted but leapt: the plan is made anew. */
const LEAP = 4;
/** A level cut this much worse than the plan may still become better when refined. */
const WORTH_REFINING = 1.15;
const ROUNDING = 1e-9;
/** Graphs of so few layers are planned anew unless the plan is proven to be this close to the best. */
const FEW = 400;
const CLOSE = 1.02;

/** What stays true while only links change: kept from one adjustment of a plan to the next. */
interface Local {
  readonly problem: Problem;
  readonly plan: Plan;
  readonly scope: ShiftScope;
  readonly ledger: Ledger;
  readonly cuts: readonly LinkedCuts[];
}

const lastLocal = new WeakMap<PreparedGraph, Local>();

/**
 * Adjusts a plan to changed costs as HPA does, locally (SPEC.md, section 6): from where its borders are, and from where the
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
  const { masks, available } = allowed;
  const tiers = [...new Set([0, ...available])];
  const scope = { graph, masks, tiers, cost: (ledger: Ledger) => ledger.objectiveMs(), bordersOnly: true };
  const cuts = stationSets(available).map((stations) => new LinkedCuts(problem, graph, { stations, masks }));
  return { problem, plan, scope, cuts, ledger: new Ledger(problem, graph, plan.tierOf) };
}

function adjusted(problem: Problem, graph: PreparedGraph, local: Local): Repartitioned {
  let ledger = local.ledger.relinked(problem);
  let layersEvaluated = shiftLayers(ledger, local.scope);
  for (const cut of local.cuts) {
    const ms = ledger.objectiveMs();
    const cutMs = cut.best(problem);
    if (cutMs > ms * WORTH_REFINING || Math.abs(cutMs - ms) <= ms * ROUNDING) continue;
    if (cutMs > ms && !cut.isNew()) continue;
    const other = new Ledger(problem, graph, cut.tierOf());
    layersEvaluated += shiftLayers(other, local.scope);
    if (other.objectiveMs() < ledger.objectiveMs()) ledger = other;
  }
  const boundMs = local.plan.boundMs * leastRatio(local.problem, problem);
  let plan: Plan = { ...ledger.plan(), boundMs };
  if (graph.layerCount <= FEW && plan.latencyMs > boundMs * CLOSE) {
    const anew = hpa.plan(problem, graph);
    layersEvaluated += graph.layerCount;
    if (isPlan(anew) && anew.latencyMs < plan.latencyMs * (1 + ROUNDING)) plan = anew;
    ledger = new Ledger(problem, graph, plan.tierOf);
  }
  lastLocal.set(graph, { ...local, problem, plan, ledger });
  return { result: plan, layersEvaluated };
}

/** By how much every plan's cost has fallen at most, as a factor: a bound times it is still one. 0 if that is not known. */
function leastRatio(then: Problem, now: Problem): number {
  if (now === then || now.layers !== then.layers) return 0;
  const ratio = (after: number, before: number) => (before > after ? after / before : 1);
  const ratios = now.hops.map((hop, at) => {
    const before = then.hops[at] ?? hop;
    const rates = [ratio(before.upBytesPerMs, hop.upBytesPerMs), ratio(before.downBytesPerMs, hop.downBytesPerMs)];
    return Math.min(...rates, ratio(hop.delayMs, before.delayMs));
  });
  return Math.min(1, ...ratios, ...now.tierFixedMs.map((ms, tier) => ratio(ms, then.tierFixedMs[tier] ?? ms)));
}
