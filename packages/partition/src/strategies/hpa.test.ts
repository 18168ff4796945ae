import { Random, randomGraph, randomProblem, stratifiedCorpus } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import { hpa, isPlan, objectiveMs, optimal, plainHpa, prepareGraph, type Strategy } from '../index.ts';
import type { Objective, Problem } from '../problem.ts';

const PER_STRATUM = 40;

const tierOf = (problem: Problem) => {
  const result = optimal.plan(problem, prepareGraph(problem));
  return isPlan(result) ? result.tierOf : null;
};

function gapsOf(strategy: Strategy, problems: readonly Problem[]): number[] {
  const gaps = problems.flatMap((problem) => {
    const graph = prepareGraph(problem);
    const [found, best] = [strategy.plan(problem, graph), optimal.plan(problem, graph)];
    const { objective } = problem;
    return isPlan(found) && isPlan(best) ? [objectiveMs(found, objective) / objectiveMs(best, objective) - 1] : [];
  });
  return gaps.sort((a, b) => a - b);
}

describe('hpa', () => {
  const corpus = (objective: Objective, perStratum: number) =>
    stratifiedCorpus({ seed: 900_000, objective, perStratum, sizes: [10, 40], plan: tierOf });

  it('equals the optimum in the median of every stratum, where the plain greedy does not', () => {
    const cases = corpus('latency', PER_STRATUM);
    for (const stratum of [1, 2, 3]) {
      const problems = cases.filter((one) => one.stratum === stratum).map(({ problem }) => problem);
      expect(problems.length).toBe(PER_STRATUM);
      const gaps = gapsOf(hpa, problems);
      expect(gaps[Math.floor(gaps.length / 2)]).toBeLessThan(1e-9);
      expect(gaps.at(-1)).toBeLessThan(0.05);
      const plain = gapsOf(plainHpa, problems);
      expect(plain.at(-1)).toBeGreaterThan(gaps.at(-1) ?? 0);
    }
  });

  it('is exact on chains', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed);
      const problem = randomProblem(random, randomGraph(random, 'chain', random.integer(2, 40)), { tierCount: 3 });
      const [gap] = gapsOf(hpa, [problem]);
      expect(gap, `seed ${seed}`).toBeLessThan(1e-9);
    }
  });
});
