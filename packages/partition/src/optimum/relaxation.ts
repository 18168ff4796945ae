import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { fillLabelCosts } from '../labelling/label-costs.ts';
import { labellingOf } from '../labelling/labelling.ts';
import { labellingCost } from '../labelling/labelling-cost.ts';
import { Ledger } from '../objective/ledger.ts';
import type { Problem } from '../problem.ts';
import { type Multipliers, stageWeights } from './multipliers.ts';

/** What a relaxed problem answers. */
export interface Relaxed {
  /** Lower bound of the objective over the valid assignments of the node; `Infinity` when it has none. */
  readonly boundMs: number;
  readonly tierOf: readonly number[];
  /** Time of each stage (throughput only). */
  readonly stageMs: readonly number[];
  /** Per tier, its weights over its cap, less one; 0 where there is no cap. */
  readonly excess: readonly number[];
}

/**
 * The problem with its hard parts priced: stages for throughput, memory caps for both objectives. A labelling of least
 * cost then bounds every valid plan from below (weak duality; SPEC.md, O6).
 */
export class Relaxation {
  readonly #problem: Problem;
  readonly #graph: PreparedGraph;
  /** Weight of each layer as a share of each tier's cap: `loads[layer * tiers + tier]`. */
  readonly #loads: Float64Array;
  readonly #capped: boolean;

  constructor(problem: Problem, graph: PreparedGraph) {
    this.#problem = problem;
    this.#graph = graph;
    this.#capped = (problem.constraints.memoryBytes ?? []).some((cap) => cap !== null);
    this.#loads = capLoads(problem, graph);
  }

  solve(stations: readonly number[], masks: Int32Array, multipliers: Multipliers): Relaxed {
    const [problem, graph] = [this.#problem, this.#graph];
    const labelling = labellingOf(graph);
    const { model } = labelling;
    const weights = stageWeights(problem, stations, multipliers);
    const extra = this.#capped ? { extra: this.#priced(multipliers.prices) } : {};
    const costs = fillLabelCosts({ problem, graph, model, masks }, { stations, weights, ...extra });
    const labels = labelling.least(costs);
    const paid = multipliers.prices.reduce((sum, price) => sum + price, 0);
    const tierOf = Array.from(labels.subarray(0, graph.layerCount), (label) => stations[label] ?? 0);
    const stageMs = problem.objective === 'latency' ? [] : new Ledger(problem, graph, tierOf).over(stations).stageMs;
    return {
      boundMs: labellingCost(model, costs, labels) - paid,
      tierOf,
      stageMs,
      excess: capExcess(problem, this.#loads, tierOf),
    };
  }

  #priced(prices: readonly number[]): Float64Array {
    return this.#loads.map((load, at) => load * (prices[at % prices.length] ?? 0));
  }
}

/** Per tier, its weights over its cap, less one; 0 where there is no cap. */
export function capExcess(problem: Problem, loads: Float64Array, tierOf: readonly number[]): number[] {
  const tiers = problem.tiers.length;
  const caps = problem.constraints.memoryBytes ?? [];
  const excess: number[] = problem.tiers.map((_, tier) => ((caps[tier] ?? 0) > 0 ? -1 : 0));
  if (caps.length === 0) return excess;
  tierOf.forEach((tier, layer) => {
    excess[tier] = (excess[tier] ?? 0) + (loads[layer * tiers + tier] ?? 0);
  });
  return excess;
}

/** Weight of each layer as a share of each tier's cap, `[layer * tiers + tier]`. Shared weights are shared out, so that their sum over a tier never exceeds what the tier really holds. */
export function capLoads(problem: Problem, graph: PreparedGraph): Float64Array {
  const caps = problem.constraints.memoryBytes ?? [];
  const tiers = problem.tiers.length;
  const loads = new Float64Array(graph.layerCount * tiers);
  const sharers = new Float64Array(graph.weightBytes.length);
  for (const weight of graph.weights.items) sharers[weight] = (sharers[weight] ?? 0) + 1;
  const { start, items } = graph.weights;
  for (let layer = 0; layer < graph.layerCount; layer++) {
    for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++) {
      const weight = items[at] ?? 0;
      const bytes = (graph.weightBytes[weight] ?? 0) / (sharers[weight] ?? 1);
      for (let tier = 0; tier < tiers; tier++) {
        const cap = caps[tier] ?? 0;
        if (cap > 0) loads[layer * tiers + tier] = (loads[layer * tiers + tier] ?? 0) + bytes / cap;
      }
    }
  }
  return loads;
}
