import { graphFamilies, Random, randomGraph, randomProblem } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import type { PreparedGraph } from '../graph/prepare-graph.ts';
import {
  comparePlans,
  evaluate,
  hpa,
  isPlan,
  neurosurgeon,
  objectiveMs,
  optimal,
  optimalFrom,
  plainHpa,
  planViolation,
  prepareGraph,
} from '../index.ts';
import type { Objective, Plan, Problem } from '../problem.ts';
import { strategiesFor } from './index.ts';

/** How many of each: the whole file is to take less than half a minute on two cores. */
const SMALL_LATENCY = 7500;
const SMALL_STREAMS = 200;
const LARGER = 2300;

/** Every valid assignment, the best of them. */
function bruteForce(problem: Problem, graph: PreparedGraph): Plan | null {
  const tierOf = new Array<number>(graph.layerCount).fill(0);
  let best: Plan | null = null;
  const place = (layer: number): void => {
    if (layer === graph.layerCount) {
      if (planViolation(problem, tierOf, graph) !== null) return;
      const plan = evaluate(problem, tierOf, graph);
      if (best === null || comparePlans(plan, best, problem.objective) < 0) best = plan;
      return;
    }
    const { start, items } = graph.predecessors;
    const before = items.subarray(start[layer], start[layer + 1]);
    for (let tier = Math.max(0, ...Array.from(before, (at) => tierOf[at] ?? 0)); tier < problem.tiers.length; tier++) {
      tierOf[layer] = tier;
      place(layer + 1);
    }
  };
  place(0);
  return best;
}

function smallProblem(seed: number, objective: Objective): Problem {
  const random = new Random(seed);
  const graph = randomGraph(random, random.pick(graphFamilies), random.integer(1, 5));
  const tierCount = graph.layers.length > 7 ? 2 : graph.layers.length > 5 ? random.integer(2, 3) : random.integer(2, 4);
  return randomProblem(random, graph, {
    tierCount,
    objective,
    constraints: random.chance(0.5) ? 0.3 : 0,
    codedPerHop: random.chance(0.3),
    memoryCaps: objective === 'throughput' && random.chance(0.3),
  });
}

function checkAgainstBruteForce(seed: number, objective: Objective): void {
  const problem = smallProblem(seed, objective);
  const graph = prepareGraph(problem);
  if (graph.layerCount > 10) return;
  const best = bruteForce(problem, graph);
  const found = optimal.plan(problem, graph);
  if (best === null || !isPlan(found)) {
    expect([seed, isPlan(found)]).toEqual([seed, best !== null]);
    return;
  }
  expect([seed, planViolation(problem, found.tierOf, graph)]).toEqual([seed, null]);
  const bestMs = objectiveMs(best, objective);
  expect(Math.abs(objectiveMs(found, objective) / bestMs - 1), `seed ${seed}`).toBeLessThan(1e-8);
  expect(found.boundMs, `seed ${seed}`).toBeLessThanOrEqual(bestMs * (1 + 1e-9));
}

describe('optimal', () => {
  it(`equals brute force on ${SMALL_LATENCY} small random DAGs for latency (O1 to O5, O7)`, () => {
    for (let seed = 0; seed < SMALL_LATENCY; seed++) checkAgainstBruteForce(seed, 'latency');
  });

  it(`equals brute force on ${SMALL_STREAMS} small random DAGs for streams, some with memory caps (O6)`, () => {
    for (let seed = 0; seed < SMALL_STREAMS; seed++) checkAgainstBruteForce(50_000 + seed, 'throughput');
  });

  it('proves its latency optimum: the bound is the plan', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed);
      const problem = randomProblem(random, randomGraph(random, random.pick(graphFamilies), 40), { tierCount: 3 });
      const plan = optimal.plan(problem, prepareGraph(problem));
      if (!isPlan(plan)) throw new Error('unconstrained problems have plans');
      expect(plan.boundMs / plan.latencyMs).toBeCloseTo(1, 9);
    }
  });
});

describe('every strategy', () => {
  it(`gives a valid plan or says why not, and never beats optimal, on ${LARGER} DAGs (P1 to P6, O7)`, () => {
    for (let seed = 0; seed < LARGER; seed++) {
      const random = new Random(100_000 + seed);
      const graph = randomGraph(random, random.pick(graphFamilies), random.integer(5, 40));
      const problem = randomProblem(random, graph, { constraints: random.chance(0.5) ? 0.3 : 0 });
      checkStrategies(problem, seed);
    }
  });

  it('does so for streams and under memory caps', () => {
    for (let seed = 0; seed < 12; seed++) {
      const random = new Random(200_000 + seed);
      const graph = randomGraph(random, random.pick(graphFamilies), random.integer(5, 20));
      const objective = random.pick(['latency', 'throughput'] as const);
      checkStrategies(randomProblem(random, graph, { objective, memoryCaps: true, tierCount: 3 }), seed);
    }
  });
});

function checkStrategies(problem: Problem, seed: number): void {
  const graph = prepareGraph(problem);
  const best = optimalFrom([neurosurgeon, hpa]).plan(problem, graph);
  for (const strategy of [...strategiesFor(problem), plainHpa]) {
    if (strategy.name === 'optimal') continue;
    const result = strategy.plan(problem, graph);
    const where = `${strategy.name}, seed ${seed}`;
    if (!isPlan(result)) {
      expect(result.infeasible.length, where).toBeGreaterThan(10);
      continue;
    }
    expect(planViolation(problem, result.tierOf, graph), where).toBeNull();
    if (!isPlan(best)) throw new Error(`${where} has a plan and optimal has none`);
    const ms = objectiveMs(result, problem.objective);
    expect(objectiveMs(best, problem.objective), where).toBeLessThanOrEqual(ms * (1 + 1e-9));
    expect(best.boundMs, where).toBeLessThanOrEqual(ms * (1 + 1e-9));
  }
}
