import { type PreparedGraph, prepareGraph } from '../graph/prepare-graph.ts';
import { levelCut } from '../hpa/level-cut.ts';
import { levelsOf } from '../hpa/levels.ts';
import { shiftLayers } from '../hpa/shift-layers.ts';
import { labelCosts } from '../labelling/label-costs.ts';
import { labelModelOf } from '../labelling/label-model.ts';
import { comparePlans, isPlan } from '../objective/compare-plans.ts';
import { Ledger } from '../objective/ledger.ts';
import { firstMultipliers, stageWeights } from '../optimum/multipliers.ts';
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
  readonly ledger: Ledger;
  readonly labels: Uint8Array;
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
  const labels = new Uint8Array(labelModelOf(graph).variableCount);
  return { problem, plan, allowed, labels, ledger: new Ledger(problem, graph, plan.tierOf) };
}

function adjusted(problem: Problem, graph: PreparedGraph, local: Local): Repartitioned {
  const { allowed, labels } = local;
  const tiers = [...new Set([0, ...allowed.available])];
  const cost = (ledger: Ledger) => ledger.objectiveMs();
  const scope = { graph, masks: allowed.masks, tiers, cost, bordersOnly: true };
  let ledger = local.ledger.relinked(problem);
  let layersEvaluated = shiftLayers(ledger, scope);
  const model = labelModelOf(graph);
  for (const stations of stationSets(allowed.available)) {
    const weights = stageWeights(problem, stations, firstMultipliers(problem, stations));
    const costs = labelCosts(problem, model, { stations, masks: allowed.masks, weights });
    const cutMs = levelCut(model, { levels: levelsOf(model), costs, labels });
    const ms = ledger.objectiveMs();
    if (cutMs > ms * WORTH_REFINING || Math.abs(cutMs - ms) <= ms * ROUNDING) continue;
    const tierOf = Array.from(labels.subarray(0, graph.layerCount), (label) => stations[label] ?? 0);
    const other = new Ledger(problem, graph, tierOf);
    layersEvaluated += shiftLayers(other, scope);
    if (other.objectiveMs() < ledger.objectiveMs()) ledger = other;
  }
  const plan = ledger.plan();
  lastLocal.set(graph, { ...local, problem, plan, ledger });
  return { result: plan, layersEvaluated };
}
