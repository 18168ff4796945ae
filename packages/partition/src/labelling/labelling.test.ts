import { graphFamilies, Random, randomGraph, randomProblem } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import { prepareGraph } from '../index.ts';
import { stationSets } from '../optimum/station-sets.ts';
import { allowedTiers } from '../verify/allowed-tiers.ts';
import { Elimination } from './eliminate.ts';
import { eliminationOrder } from './elimination-order.ts';
import { fillLabelCosts } from './label-costs.ts';
import { labelModel } from './label-model.ts';
import { labellingCost } from './labelling-cost.ts';
import { minCut } from './min-cut.ts';

const CASES = 600;

describe('minCut() and Elimination', () => {
  it('find labellings of equal cost on every graph (O3, O4)', () => {
    let narrow = 0;
    for (let seed = 0; seed < CASES; seed++) {
      const random = new Random(400_000 + seed);
      const family = random.pick(graphFamilies);
      const problem = randomProblem(random, randomGraph(random, family, random.integer(2, 60)), {
        constraints: 0.2,
        codedPerHop: true,
      });
      const graph = prepareGraph(problem);
      const allowed = allowedTiers(problem, graph);
      if ('infeasible' in allowed) continue;
      const model = labelModel(graph);
      const order = eliminationOrder(model);
      const ones = problem.tiers.map(() => 1);
      for (const stations of stationSets(allowed.available)) {
        const weights = { tier: ones, up: ones, down: ones, delay: 1 };
        const costs = fillLabelCosts({ problem, graph, model, masks: allowed.masks }, { stations, weights });
        const cutMs = labellingCost(model, costs, minCut(model, costs));
        const elimination = order && Elimination.for(model, order, stations.length);
        if (elimination === null) continue;
        narrow++;
        const eliminatedMs = labellingCost(model, costs, elimination.solve(costs));
        if (eliminatedMs === Number.POSITIVE_INFINITY) expect(cutMs).toBe(eliminatedMs);
        else expect(Math.abs(cutMs / eliminatedMs - 1), `${family}, seed ${seed}`).toBeLessThan(1e-9);
      }
    }
    expect(narrow).toBeGreaterThan(CASES);
  });
});
