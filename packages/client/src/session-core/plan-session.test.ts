import { isPlan } from '@d3/partition';
import { describe, expect, it } from 'vitest';
import type { LoadedModel } from './load-model.ts';
import { type Goal, planSession, reportOn, type Situation } from './plan-session.ts';

/** A chain whose first cut is cheap. */
const model = {
  manifest: {
    totalWeightBytes: 20,
    layers: [
      { name: 'a', kind: 'Conv', flops: 1e7, weightBytes: 10, inputs: ['x'], outputs: ['h'] },
      { name: 'b', kind: 'Conv', flops: 1e7, weightBytes: 10, inputs: ['h'], outputs: ['y'] },
    ],
    tensors: [
      { name: 'x', bytes: 100_000, isInput: true, isOutput: false },
      { name: 'h', bytes: 400_000, isInput: false, isOutput: false },
      { name: 'y', bytes: 40, isInput: false, isOutput: true },
    ],
  },
  sidecar: undefined,
} as unknown as LoadedModel;
const goal: Goal = { objective: 'latency', constraints: {} };
const profile = (tier: string, gflops: number) => ({
  ...{ tier, backend: 'cpu', gflops, fixedMs: 0, concurrency: 1, slowdown: 1 },
});
const link = { upBytesPerMs: 2000, downBytesPerMs: 10_000, delayMs: 0 };
const situation: Situation = {
  ...{ profiles: [profile('device', 0.1), profile('edge', 1)], links: [link], fits: [() => link] },
  ...{ away: [], codedBytes: new Map(), memoryBytes: 1e9, stalledMs: 0 },
};

describe('reportOn()', () => {
  it('is the report of the best plan where that was decided on', () => {
    const best = planSession(model, situation, goal);
    const plan = reportOn(model, situation, { goal, decided: best.tierOf });
    expect(plan).toEqual(best);
  });

  it('names a plan that no strategy would choose, beside all that they found', () => {
    const decided = [0, 1];
    const plan = reportOn(model, situation, { goal, decided });
    const { report } = plan ?? planSession(model, situation, goal);
    const chosen = report.strategies[report.chosen];
    expect(plan?.tierOf).toEqual(decided);
    expect(chosen !== undefined && isPlan(chosen) && chosen.tierOf).toEqual(decided);
    expect(report.strategies).toHaveProperty('optimal.tierOf', [1, 1]);
    expect(report.explain.sentence).not.toBe('');
  });

  it('is none for a plan that is not allowed, or of another graph', () => {
    const away = { ...situation, away: ['edge'] };
    expect(reportOn(model, away, { goal, decided: [0, 1] })).toBeUndefined();
    expect(reportOn(model, situation, { goal, decided: [0] })).toBeUndefined();
  });
});
