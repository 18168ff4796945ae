import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { fillLabelCosts, type StageWeights } from '../labelling/label-costs.ts';
import { labellingCost } from '../labelling/labelling-cost.ts';
import { minCut } from '../labelling/min-cut.ts';
import { comparePlans } from '../objective/compare-plans.ts';
import { evaluate, evaluateOn } from '../objective/evaluate.ts';
import type { Plan, Problem } from '../problem.ts';
import type { AllowedTiers } from '../verify/allowed-tiers.ts';
import { modelOf } from './fastest-plan.ts';
import { stationSets } from './station-sets.ts';

/** Steps of the bound's ascent, per set of stations. */
const STEPS = 60;

/**
 * The plan with the quickest slowest stage. Whatever weights (that add up to one) the stages get, no plan's weighted sum is
 * above its slowest stage: so each minimum cut gives a bound and a candidate, and weights move towards the slow stages.
 */
export function steadiestPlan(problem: Problem, graph: PreparedGraph, allowed: AllowedTiers): Plan {
  let best: Plan | null = null;
  let boundMs = Number.POSITIVE_INFINITY;
  const offer = (plan: Plan) => {
    if (best === null || comparePlans(plan, best, 'throughput') < 0) best = plan;
  };
  for (const tier of allowed.available) {
    if (allowed.masks.every((mask) => (mask & (1 << tier)) !== 0)) {
      offer(
        evaluate(
          problem,
          problem.layers.map(() => tier),
          graph,
        ),
      );
    }
  }
  for (const stations of stationSets(allowed.available)) {
    boundMs = Math.min(boundMs, ascend(problem, graph, { allowed, stations, offer }));
  }
  if (best === null) throw new RangeError('No assignment at all: allowedTiers() promised one');
  const found: Plan = best;
  return { ...found, boundMs: Math.min(boundMs, found.slowestStageMs) };
}

interface Ascent {
  readonly allowed: AllowedTiers;
  readonly stations: readonly number[];
  readonly offer: (plan: Plan) => void;
}

function ascend(problem: Problem, graph: PreparedGraph, { allowed, stations, offer }: Ascent): number {
  const model = modelOf(graph);
  const hopCount = stations.length - 1;
  let shares = new Array<number>(stations.length + 2 * hopCount).fill(1);
  let boundMs = 0;
  for (let step = 0; step < STEPS; step++) {
    const total = shares.reduce((sum, share) => sum + share, 0);
    shares = shares.map((share) => share / total);
    const weights = weightsOf(problem, stations, shares);
    const costs = fillLabelCosts({ problem, graph, model, masks: allowed.masks }, { stations, weights });
    const labels = minCut(model, costs);
    const relaxedMs = labellingCost(model, costs, labels);
    if (relaxedMs === Number.POSITIVE_INFINITY) return relaxedMs;
    boundMs = Math.max(boundMs, relaxedMs);
    const tierOf = Array.from(labels.subarray(0, graph.layerCount), (label) => stations[label] ?? 0);
    offer(evaluate(problem, tierOf, graph));
    const loads = evaluateOn(problem, tierOf, { graph, stations }).stageMs;
    const largest = Math.max(...loads, Number.MIN_VALUE);
    const rate = 2 / Math.sqrt(step + 1);
    shares = shares.map((share, stage) => Math.max(share * Math.exp((rate * (loads[stage] ?? 0)) / largest), 1e-12));
  }
  return boundMs;
}

function weightsOf(problem: Problem, stations: readonly number[], shares: readonly number[]): StageWeights {
  const tier = problem.tiers.map(() => 0);
  stations.forEach((station, index) => {
    tier[station] = (shares[index] ?? 0) / (problem.concurrency[station] ?? 1);
  });
  const hopCount = stations.length - 1;
  const up = shares.slice(stations.length, stations.length + hopCount);
  return { tier, up, down: shares.slice(stations.length + hopCount), delay: 0 };
}
