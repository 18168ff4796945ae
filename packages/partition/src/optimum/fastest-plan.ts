import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { fillLabelCosts, type LabelScope } from '../labelling/label-costs.ts';
import { type Labelling, labellingOf } from '../labelling/labelling.ts';
import { labellingCost } from '../labelling/labelling-cost.ts';
import { comparePlans } from '../objective/compare-plans.ts';
import { evaluate } from '../objective/evaluate.ts';
import { singleTierMs } from '../objective/single-tier-ms.ts';
import type { Plan, Problem } from '../problem.ts';
import type { AllowedTiers } from '../verify/allowed-tiers.ts';
import { stationSets } from './station-sets.ts';

/** Solves of forced layers, per set of stations, before a bound replaces the proof. */
const FORCED_SOLVES = 400;

/** Sums over the same numbers in another order differ by less than this share. */
const ROUNDING = 1e-9;

interface Search {
  readonly problem: Problem;
  readonly graph: PreparedGraph;
  readonly labelling: Labelling;
  /** Latency that a plan has to beat. */
  ceilingMs: number;
  best: Plan | null;
  boundMs: number;
}

/** The plan of least latency, exact. Memory caps are not its business. */
export function fastestPlan(problem: Problem, graph: PreparedGraph, allowed: AllowedTiers): Plan {
  const singles = singleTiers(problem, graph, allowed);
  const ceilingMs = Math.min(...singles.map(({ ms }) => ms));
  const search: Search = { problem, graph, labelling: labellingOf(graph), ceilingMs, best: null, boundMs: ceilingMs };
  for (const stations of stationSets(allowed.available)) {
    const forced = { left: FORCED_SOLVES };
    search.boundMs = Math.min(search.boundMs, solveSet(search, { stations, masks: allowed.masks, forced }));
  }
  for (const { tier, ms } of singles) {
    if (ms <= search.ceilingMs * (1 + ROUNDING)) offer(search, new Array<number>(graph.layerCount).fill(tier));
  }
  const { best, boundMs } = search;
  if (best === null) throw new RangeError('No assignment at all: allowedTiers() promised one');
  return { ...best, boundMs: Math.min(boundMs, best.latencyMs) };
}

/** The tiers that may hold every layer, with the latency they then have. */
function singleTiers(
  problem: Problem,
  graph: PreparedGraph,
  { masks, available }: AllowedTiers,
): { tier: number; ms: number }[] {
  let common = -1;
  for (const mask of masks) common &= mask;
  const tiers = available.filter((tier) => (common & (1 << tier)) !== 0);
  return tiers.map((tier) => ({ tier, ms: singleTierMs(problem, graph, tier) }));
}

function offer(search: Search, tierOf: number[]): void {
  const plan = evaluate(search.problem, tierOf, search.graph);
  search.ceilingMs = Math.min(search.ceilingMs, plan.latencyMs);
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
  if (relaxedMs === Number.POSITIVE_INFINITY || relaxedMs > search.ceilingMs * (1 + ROUNDING)) return relaxedMs;
  const tierOf = new Array<number>(graph.layerCount);
  for (let layer = 0; layer < graph.layerCount; layer++) tierOf[layer] = stations[labels[layer] ?? 0] ?? 0;
  offer(search, tierOf);
  const unused = stations.slice(1, -1).find((tier) => !tierOf.includes(tier));
  if (unused === undefined || relaxedMs >= search.ceilingMs * (1 - ROUNDING)) return relaxedMs;
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
