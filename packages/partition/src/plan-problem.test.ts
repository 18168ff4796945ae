import { describe, expect, it } from 'vitest';
import { isPlan, type Plan, parseProblem, planProblem } from './index.ts';
import type { Problem } from './problem.ts';

/** Two layers, three tiers; each tier ten times as fast as the one before. */
function problem(changes: Partial<Problem> = {}): Problem {
  return {
    tiers: ['device', 'edge', 'cloud'],
    concurrency: [1, 1, 1],
    tierFixedMs: [0, 1, 2],
    layers: [
      {
        name: 'conv',
        kind: 'Conv',
        flops: 1e6,
        weightBytes: 10,
        inputs: ['x'],
        outputs: ['a'],
        computeMs: [100, 10, 1],
      },
      {
        name: 'fc',
        kind: 'Gemm',
        flops: 1e6,
        weightBytes: 1000,
        inputs: ['a'],
        outputs: ['y'],
        computeMs: [100, 10, 1],
      },
    ],
    tensors: [
      { name: 'x', bytes: 4000, isInput: true, isOutput: false, codedBytes: [1000, 1000] },
      { name: 'a', bytes: 400, isInput: false, isOutput: false, codedBytes: [400, 400] },
      { name: 'y', bytes: 40, isInput: false, isOutput: true, codedBytes: [40, 40] },
    ],
    hops: [
      { upBytesPerMs: 100, downBytesPerMs: 40, delayMs: 3 },
      { upBytesPerMs: 50, downBytesPerMs: 20, delayMs: 5 },
    ],
    objective: 'latency',
    constraints: {},
    ...changes,
  };
}

const planOf = (report: ReturnType<typeof planProblem>, name: string): Plan => {
  const result = report.strategies[name];
  if (result === undefined || !isPlan(result)) throw new Error(`no plan '${name}'`);
  return result;
};

describe('planProblem()', () => {
  it('reports the single tiers with merged hops and the way back (C1 to C5)', () => {
    const report = planProblem(problem());
    expect(planOf(report, 'device-only').latencyMs).toBe(200);
    expect(planOf(report, 'edge-only').latencyMs).toBe(20 + 1 + (3 + 10) + (3 + 1));
    expect(planOf(report, 'cloud-only').latencyMs).toBe(2 + 2 + (8 + 20) + (8 + 2));
  });

  it('says in plain words that splitting gains nothing', () => {
    const report = planProblem(problem());
    expect(report.chosen).toBe('edge-only');
    expect(report.explain.sentence).toMatch(/^Splitting gains nothing here: the edge alone takes 38 ms/);
    expect(report.explain.runnerUp?.strategy).toBe('cloud-only');
  });

  it('splits when the input must stay, and names what binds', () => {
    const report = planProblem(problem({ constraints: { keepOnDevice: 1 } }));
    expect(report.chosen).toBe('optimal');
    expect(planOf(report, 'optimal').tierOf).toEqual([0, 1]);
    expect(report.explain.sentence).toMatch(/^Splitting pays: 1 layer on the device and 1 layer on the edge take/);
    expect(report.strategies['cloud-only']).toEqual({ infeasible: expect.stringContaining("'conv' must stay") });
  });

  it('is infeasible, with the reason, when constraints exclude each other', () => {
    const report = planProblem(problem({ constraints: { keepOnDevice: 1, unavailable: ['device'] } }));
    expect(report.chosen).toBe('');
    expect(report.explain.sentence).toMatch(/^No plan meets the constraints: layer 'conv' has no tier left/);
  });

  it('is deterministic and survives JSON', () => {
    const report = planProblem(problem());
    expect(planProblem(parseProblem(JSON.parse(JSON.stringify(report.problem))))).toEqual(report);
  });

  it('refuses a strategy it does not know', () => {
    expect(() => planProblem(problem(), { strategies: ['best'] })).toThrow(/no strategy 'best'/);
  });
});
