import { graphFamilies, Random, randomGraph, randomProblem } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import { changeBeyondBands, evaluate, hpa, isPlan, planViolation, prepareGraph, repartition } from '../index.ts';
import type { Problem } from '../problem.ts';

const CASES = 80;

function drifted(random: Random, problem: Problem): Problem {
  if (random.chance(0.6)) {
    const index = random.integer(0, problem.hops.length - 1);
    const factor = random.magnitude(0.1, 10);
    const hops = problem.hops.map((hop, at) => {
      return at === index
        ? { ...hop, upBytesPerMs: hop.upBytesPerMs * factor, downBytesPerMs: hop.downBytesPerMs * factor }
        : hop;
    });
    return { ...problem, hops };
  }
  const tier = random.integer(0, problem.tiers.length - 1);
  const factor = random.magnitude(0.2, 5);
  const slower = (computeMs: readonly number[]) => computeMs.with(tier, (computeMs[tier] ?? 0) * factor);
  return { ...problem, layers: problem.layers.map((layer) => ({ ...layer, computeMs: slower(layer.computeMs) })) };
}

describe('repartition()', () => {
  it('is valid, never worse than the old plan and within 1.05 of HPA anew, over chains of changes (R2)', () => {
    const ratios: number[] = [];
    for (let seed = 0; seed < CASES; seed++) {
      const random = new Random(500_000 + seed);
      const graphOf = randomGraph(random, random.pick(graphFamilies), random.integer(10, 60));
      let problem = randomProblem(random, graphOf, { tierCount: 3, constraints: random.chance(0.5) ? 0.3 : 0 });
      const graph = prepareGraph(problem);
      let plan = hpa.plan(problem, graph);
      for (let step = 0; step < 4 && isPlan(plan); step++) {
        const now = drifted(random, problem);
        const change = changeBeyondBands(problem, now);
        if (change === null) continue;
        const { result, layersEvaluated } = repartition(now, plan, { change, graph });
        const anew = hpa.plan(now, graph);
        if (!isPlan(result) || !isPlan(anew)) throw new Error(`seed ${seed} lost its plan`);
        expect(planViolation(now, result.tierOf, graph), `seed ${seed}`).toBeNull();
        const old = evaluate(now, plan.tierOf, graph);
        expect(result.latencyMs, `seed ${seed}`).toBeLessThanOrEqual(old.latencyMs * (1 + 1e-9));
        expect(result.latencyMs / evaluate(now, result.tierOf, graph).latencyMs).toBeCloseTo(1, 9);
        expect(layersEvaluated).toBeGreaterThanOrEqual(0);
        ratios.push(result.latencyMs / anew.latencyMs);
        [problem, plan] = [now, result];
      }
    }
    ratios.sort((a, b) => a - b);
    expect(ratios[Math.floor(ratios.length / 2)]).toBeCloseTo(1, 9);
    expect(ratios.length).toBeGreaterThan(CASES);
    expect(ratios.at(-1)).toBeLessThan(1.05);
  });

  it('plans anew when the old plan is no longer valid', () => {
    const random = new Random(1);
    const problem = randomProblem(random, randomGraph(random, 'chain', 10), { tierCount: 3 });
    const plan = evaluate(
      problem,
      problem.layers.map(() => 1),
    );
    const without = { ...problem, constraints: { unavailable: ['edge'] } };
    const { result } = repartition(without, plan, { change: { links: [0], layers: [], factor: 2 } });
    expect(isPlan(result) && planViolation(without, result.tierOf)).toBeNull();
  });
});

describe('changeBeyondBands()', () => {
  it('names what left its band, and nothing within it (R1)', () => {
    const random = new Random(2);
    const problem = randomProblem(random, randomGraph(random, 'chain', 4), { tierCount: 3 });
    const rate = (factor: number) => {
      const hops = problem.hops.map((hop, at) =>
        at === 1 ? { ...hop, upBytesPerMs: hop.upBytesPerMs * factor } : hop,
      );
      return { ...problem, hops };
    };
    expect(changeBeyondBands(problem, rate(1.2))).toBeNull();
    expect(changeBeyondBands(problem, rate(1.3))).toMatchObject({ links: [1], layers: [] });
    const layers = problem.layers.map((layer, at) =>
      at === 2 ? { ...layer, computeMs: layer.computeMs.map((ms) => ms * 2) } : layer,
    );
    expect(changeBeyondBands(problem, { ...problem, layers })).toMatchObject({ links: [], layers: [2] });
  });
});
