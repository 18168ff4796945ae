import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { fillLabelCosts, type LabelScope } from '../labelling/label-costs.ts';
import { type Labelling, labellingOf } from '../labelling/labelling.ts';
import { labellingCost } from '../labelling/labelling-cost.ts';
import { comparePlans } from '../objective/compare-plans.ts';
import { evaluate } from '../objective/evaluate.ts';
import type { Plan, Problem } from '../problem.ts';
import type { AllowedTiers } from '../verify/allowed-tiers.ts';
import { stationSets } from './station-sets.ts';

/** Solves of forced layers, per set of stations, before a bound replaces the proof. */
const FORCED_SOLVES = 400;

interface Search {
  readonly problem: Problem;
  readonly graph: PreparedGraph;
  readonly labelling: Labelling;
  best: Plan | null;
  boundMs: number;
}

/** The plan of least latency, exact. Memory caps are not its business. */
export function fastestPlan(problem: Problem, graph: PreparedGraph, allowed: AllowedTiers): Plan {
  const search: Search = {
    problem,
    graph,
    labelling: labellingOf(graph),
    best: null,
    boundMs: Number.POSITIVE_INFINITY,
  };
  for (const tier of allowed.available) {
    if (allowed.masks.every((mask) => (mask & (1 << tier)) !== 0)) {
      offer(
        search,
        evaluate(
          problem,
          problem.layers.map(() => tier),
          graph,
        ),
      );
    }
  }
  for (const stations of stationSets(allowed.available)) {
    const forced = { left: FORCED_SOLVES };
    search.boundMs = Math.min(search.boundMs, solveSet(search, { stations, masks: allowed.masks, forced }));
  }
  const { best, boundMs } = search;
  if (best === null) throw new RangeError('No assignment at all: allowedTiers() promised one');
  return { ...best, boundMs: Math.min(boundMs, best.latencyMs) };
}

function offer(search: Search, plan: Plan): void {
  if (search.best === null || comparePlans(plan, search.best, 'latency') < 0) search.best = plan;
}

interface SetScope {
  readonly stations: readonly number[];
  readonly masks: Int32Array;
  readonly forced: { left: number };
}

/** Offers the best plan that uses every tier between the first and last station; returns a lower bound of those. */
function solveSet(search: Search, scope: SetScope): number {
  const { problem, graph, labelling } = search;
  const { model } = labelling;
  const { stations, masks } = scope;
  const costs = fillLabelCosts({ problem, graph, model, masks }, latencyScope(problem, stations));
  const labels = labelling.least(costs);
  const relaxedMs = labellingCost(model, costs, labels);
  if (relaxedMs === Number.POSITIVE_INFINITY) return relaxedMs;
  const tierOf = Array.from(labels.subarray(0, graph.layerCount), (label) => stations[label] ?? 0);
  const plan = evaluate(problem, tierOf, graph);
  offer(search, plan);
  const unused = stations.slice(1, -1).find((tier) => !tierOf.includes(tier));
  const bestMs = search.best?.latencyMs ?? Number.POSITIVE_INFINITY;
  if (unused === undefined || relaxedMs >= bestMs * (1 - 1e-12)) return relaxedMs;
  return forceUse(search, scope, { tier: unused, relaxedMs });
}

/**
 * The labelling left a tier empty that it took for used, and so did not merge the hops around it; where coding differs
 * between hops that may be too cheap. Tries each layer on that tier in turn.
 */
function forceUse(search: Search, scope: SetScope, { tier, relaxedMs }: { tier: number; relaxedMs: number }): number {
  let boundMs = Number.POSITIVE_INFINITY;
  for (let layer = 0; layer < scope.masks.length; layer++) {
    if (((scope.masks[layer] ?? 0) & (1 << tier)) === 0) continue;
    if (scope.forced.left-- <= 0) return Math.min(boundMs, relaxedMs);
    const masks = scope.masks.slice();
    masks[layer] = 1 << tier;
    boundMs = Math.min(boundMs, solveSet(search, { ...scope, masks }));
  }
  return boundMs;
}

function latencyScope(problem: Problem, stations: readonly number[]): LabelScope {
  const ones = stations.slice(1).map(() => 1);
  return { stations, weights: { tier: problem.tiers.map(() => 1), up: ones, down: ones, delay: 1 } };
}
