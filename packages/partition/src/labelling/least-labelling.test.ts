import { graphFamilies, Random, randomGraph, randomProblem } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import { type PreparedGraph, prepareGraph } from '../index.ts';
import { Ledger } from '../objective/ledger.ts';
import { stationSets } from '../optimum/station-sets.ts';
import type { Problem } from '../problem.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import { labelCosts } from './label-costs.ts';
import { labelModelOf } from './label-model.ts';
import { leastLabelling } from './least-labelling.ts';

const CASES = 400;

interface Scope {
  readonly graph: PreparedGraph;
  readonly stations: readonly number[];
  readonly masks: Int32Array;
}

/** Least cost over the stations of all assignments that keep the order and the masks; `Infinity` when there is none. */
function leastMs(problem: Problem, { graph, stations, masks }: Scope): number {
  const tierOf = new Array<number>(graph.layerCount).fill(0);
  const { start, items } = graph.predecessors;
  let least = Number.POSITIVE_INFINITY;
  const place = (layer: number): void => {
    if (layer === graph.layerCount) {
      least = Math.min(least, new Ledger(problem, graph, tierOf).over(stations).latencyMs);
      return;
    }
    const nearest = Math.max(0, ...Array.from(items.subarray(start[layer], start[layer + 1]), (at) => tierOf[at] ?? 0));
    for (const tier of stations) {
      if (tier < nearest || ((masks[layer] ?? 0) & (1 << tier)) === 0) continue;
      tierOf[layer] = tier;
      place(layer + 1);
    }
  };
  place(0);
  return least;
}

describe('leastLabelling()', () => {
  it('costs as little as any labelling, by the ledger (O2, O3)', () => {
    let feasible = 0;
    for (let seed = 0; seed < CASES; seed++) {
      const random = new Random(400_000 + seed);
      const problem = randomProblem(random, randomGraph(random, random.pick(graphFamilies), random.integer(2, 5)), {
        constraints: 0.2,
        codedPerHop: true,
        tierCount: 3,
      });
      const graph = prepareGraph(problem);
      const allowed = allowedTiers(problem, graph);
      if ('infeasible' in allowed || graph.layerCount > 9) continue;
      const model = labelModelOf(graph);
      const ones = problem.tiers.map(() => 1);
      for (const stations of stationSets(allowed.available)) {
        const best = leastMs(problem, { graph, stations, masks: allowed.masks });
        if (best === Number.POSITIVE_INFINITY) continue;
        feasible++;
        const weights = { tier: ones, up: ones, down: ones, delay: 1 };
        const labels = leastLabelling(model, labelCosts(problem, model, { stations, masks: allowed.masks, weights }));
        const tierOf = problem.layers.map((_, layer) => stations[labels[layer] ?? 0] ?? 0);
        expect(tierOf.every((tier, layer) => ((allowed.masks[layer] ?? 0) & (1 << tier)) !== 0)).toBe(true);
        const ms = new Ledger(problem, graph, tierOf).over(stations).latencyMs;
        expect(ms / best, `seed ${seed}`).toBeCloseTo(1, 9);
      }
    }
    expect(feasible).toBeGreaterThan(CASES);
  });
});
