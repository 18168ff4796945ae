import type { PlanReport } from '@d3/partition';
import { describe, expect, it } from 'vitest';
import { MAX_STREAM_DEPTH, streamDepth } from './stream-depth.ts';

function report(plan: object, concurrency: readonly number[] = [1, 1, 1]): PlanReport {
  const problem = { tiers: ['device', 'edge', 'cloud'], concurrency };
  return { problem, strategies: { optimal: plan }, chosen: 'optimal' } as unknown as PlanReport;
}

describe('streamDepth()', () => {
  it('is what passes through while one ends at the slowest stage, and one more', () => {
    expect(streamDepth(report({ tierOf: [0, 1], latencyMs: 95, slowestStageMs: 10 }))).toBe(11);
  });

  it('fills every worker and every hop that is crossed', () => {
    expect(streamDepth(report({ tierOf: [0, 1, 2], latencyMs: 3, slowestStageMs: 3 }, [1, 4, 2]))).toBe(
      1 + 4 + 2 + 2 + 1,
    );
    expect(streamDepth(report({ tierOf: [0, 0], latencyMs: 3, slowestStageMs: 3 }))).toBe(2);
  });

  it('has a limit, and is 1 without a plan', () => {
    expect(streamDepth(report({ tierOf: [0, 1], latencyMs: 1e6, slowestStageMs: 1 }))).toBe(MAX_STREAM_DEPTH);
    expect(streamDepth(report({ infeasible: 'no' }))).toBe(1);
  });
});
