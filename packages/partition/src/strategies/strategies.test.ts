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
const SMALL_LATENCY = 10_000;
const SMALL_STREAMS = 200;
const LARGER = 1000;

/** Every valid assignment, the best of them. */
function bruteForce(problem: Problem, graph: PreparedGraph): Plan | null {
  const tierOf = new Array<number>(graph.layerCount).fill(0);
  let best: Plan | null = null;
  const place = (layer: number): void => {
    if (layer === graph.layerCount) {
      const plan = evaluate(problem, tierOf, graph);
      const better = best === null || comparePlans(plan, best, problem.objective) < 0;
      if (better && planViolation(problem, tierOf, graph) === null) best = plan;
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

/** `optimal` is what brute force finds; every other strategy gives a valid plan that is no better, or says why not. */
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
  const bestMs = objectiveMs(best, objective);
  const violation = planViolation(problem, found.tierOf, graph);
  const isExact = Math.abs(objectiveMs(found, objective) / bestMs - 1) < 1e-8 && found.boundMs <= bestMs * (1 + 1e-9);
  if (violation !== null || !isExact) expect.fail(`seed ${seed}: ${violation?.fault ?? `${bestMs} is the least`}`);
  checkStrategies(problem, { where: `seed ${seed}`, best });
}

describe('optimal', () => {
  it(`equals brute force on ${SMALL_LATENCY} small random DAGs for latency, and no strategy beats it (P1 to P6, O1 to O7)`, () => {
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
      checkStrategies(problem, { where: `seed ${seed}`, best: optimum(problem) });
    }
  });

  it('does so for streams and under memory caps', () => {
    for (let seed = 0; seed < 12; seed++) {
      const random = new Random(200_000 + seed);
      const graph = randomGraph(random, random.pick(graphFamilies), random.integer(5, 20));
      const objective = random.pick(['latency', 'throughput'] as const);
      const problem = randomProblem(random, graph, { objective, memoryCaps: true, tierCount: 3 });
      checkStrategies(problem, { where: `seed ${seed}`, best: optimum(problem) });
    }
  });
});

function checkStrategies(problem: Problem, { where, best }: { where: string; best: Plan | null }): void {
  const graph = prepareGraph(problem);
  const leastMs = best === null ? Number.POSITIVE_INFINITY : objectiveMs(best, problem.objective) * (1 - 1e-8);
  const boundMs = best?.boundMs ?? 0;
  for (const strategy of [...strategiesFor(problem), plainHpa]) {
    if (strategy.name === 'optimal') continue;
    const result = strategy.plan(problem, graph);
    if (!isPlan(result)) {
      if (result.infeasible.length < 10) expect.fail(`${strategy.name}, ${where}: gives no reason`);
      continue;
    }
    const violation = planViolation(problem, result.tierOf, graph);
    if (violation !== null) expect.fail(`${strategy.name}, ${where}: ${violation.fault}`);
    const ms = objectiveMs(result, problem.objective);
    if (ms < leastMs || ms < boundMs * (1 - 1e-9)) expect.fail(`${strategy.name}, ${where}: ${ms} beats optimal`);
  }
}

/** The optimum, no worse than the other strategies even where it is not exact. */
function optimum(problem: Problem): Plan | null {
  const result = optimalFrom([neurosurgeon, hpa]).plan(problem, prepareGraph(problem));
  return isPlan(result) ? result : null;
}
