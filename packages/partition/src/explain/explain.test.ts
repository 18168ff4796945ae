import { Random, randomGraph, randomProblem } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import { isPlan, optimal, planProblem, prepareGraph } from '../index.ts';
import type { Problem } from '../problem.ts';

const usedTiers = (problem: Problem): string => {
  const plan = optimal.plan(problem, prepareGraph(problem));
  if (!isPlan(plan)) throw new Error(plan.infeasible);
  return problem.tiers.filter((_, tier) => plan.tierOf.includes(tier)).join('+');
};

describe('explain()', () => {
  it('names turning points that are true: beyond them another set of tiers is best', () => {
    let found = 0;
    for (let seed = 0; seed < 15; seed++) {
      const random = new Random(seed);
      const problem = randomProblem(random, randomGraph(random, 'residual', 15), { tierCount: 3 });
      const now = usedTiers(problem);
      for (const { quantity, now: value, at, then } of planProblem(problem).explain.turningPoints) {
        const hop = ['rate of device-edge', 'rate of edge-cloud'].indexOf(quantity);
        if (hop < 0) continue;
        const factor = at / value;
        const hops = problem.hops.map((link, index) => {
          return index === hop
            ? { ...link, upBytesPerMs: link.upBytesPerMs * factor, downBytesPerMs: link.downBytesPerMs * factor }
            : link;
        });
        expect(usedTiers({ ...problem, hops }), `${quantity}, seed ${seed}`).toBe(then);
        expect(then).not.toBe(now);
        found++;
      }
    }
    expect(found).toBeGreaterThan(5);
  });

  it('gives a stream its slowest stage as what binds, and is the same every time', () => {
    const random = new Random(4);
    const problem = randomProblem(random, randomGraph(random, 'inception', 20), {
      tierCount: 3,
      objective: 'throughput',
    });
    const report = planProblem(problem);
    expect(report.explain.binding?.name).toMatch(/device|edge|cloud/);
    expect(report.explain.sentence).toMatch(/per request in a stream/);
    expect(planProblem(problem)).toEqual(report);
  });

  it('does not call the only answer of every strategy the only possible one', () => {
    const layer = (name: string, input: string, output: string) => ({
      ...{ name, kind: 'Conv', flops: 1, weightBytes: 0, inputs: [input], outputs: [output], computeMs: [10, 1] },
    });
    const tensor = (name: string, bytes: number, rest: object = {}) => ({
      ...{ name, bytes, isInput: false, isOutput: false, codedBytes: [bytes], ...rest },
    });
    const problem: Problem = {
      tiers: ['device', 'edge'],
      concurrency: [1, 1],
      tierFixedMs: [0, 0],
      layers: [layer('a', 'x', 'h'), layer('b', 'h', 'y')],
      tensors: [tensor('x', 10, { isInput: true }), tensor('h', 10_000), tensor('y', 10, { isOutput: true })],
      hops: [{ upBytesPerMs: 100, downBytesPerMs: 100, delayMs: 1 }],
      objective: 'latency',
      constraints: { keepOnDevice: 1 },
    };
    const { sentence, turningPoints } = planProblem(problem).explain;
    expect(sentence).toContain('the device alone takes 20 ms, and no strategy has a plan over other tiers');
    expect(turningPoints.map(({ quantity, then }) => `${quantity}: ${then}`)).toContain(
      'rate of device-edge: device+edge',
    );
  });
});
