import type { Assignment, LayerGraph, Problem } from '@d3/partition';
import { describe, expect, it } from 'vitest';
import { AdaptationPolicy } from './adaptation-policy.ts';
import type { Beliefs } from './verdict.ts';

const graph: LayerGraph = {
  layers: [
    { name: 'a', kind: 'Conv', flops: 1, weightBytes: 10, inputs: ['x'], outputs: ['h'] },
    { name: 'b', kind: 'Gemm', flops: 1, weightBytes: 10, inputs: ['h'], outputs: ['y'] },
  ],
  tensors: [
    { name: 'x', bytes: 100_000, isInput: true, isOutput: false },
    { name: 'h', bytes: 400_000, isInput: false, isOutput: false },
    { name: 'y', bytes: 40, isInput: false, isOutput: true },
  ],
};
const DEVICE: Assignment = [0, 0];
const EDGE: Assignment = [1, 1];

/** 200 ms on the device; 20 ms at the edge and 100 kB to get there: even at 556 bytes per ms. */
function problemAt(upBytesPerMs: number, changes: Partial<Problem> = {}): Problem {
  return {
    tiers: ['device', 'edge'],
    concurrency: [1, 1],
    tierFixedMs: [0, 0],
    layers: graph.layers.map((layer) => ({ ...layer, computeMs: [100, 10] })),
    tensors: graph.tensors.map((tensor) => ({ ...tensor, codedBytes: [tensor.bytes] })),
    hops: [{ upBytesPerMs, downBytesPerMs: 10_000, delayMs: 0 }],
    objective: 'latency',
    constraints: {},
    ...changes,
  };
}

function beliefs(nowMs: number, problem: Problem, rest: Partial<Beliefs> = {}): Beliefs {
  return { nowMs, problem, current: EDGE, requestsPerSecond: 5, switchCost: () => ({ bytes: 0, ms: 0 }), ...rest };
}

function policyAt(problem: Problem, atMs: number = 0): AdaptationPolicy {
  const policy = new AdaptationPolicy(graph);
  policy.adopted(atMs, problem);
  return policy;
}

describe('AdaptationPolicy', () => {
  it('consider() leaves a plan alone within its bands, and where it is still the best', () => {
    const policy = policyAt(problemAt(2000));
    expect(policy.consider(beliefs(10_000, problemAt(1700)))).toEqual({ kind: 'unchanged' });
    expect(policy.consider(beliefs(11_000, problemAt(1000)))).toEqual({ kind: 'unchanged' });
  });

  it('consider() switches after the gain was seen twice in a row, and says what happened', () => {
    const policy = policyAt(problemAt(2000));
    const now = problemAt(250);
    expect(policy.consider(beliefs(10_000, now))).toMatchObject({ kind: 'declined', obstacle: 'confirmation' });
    const verdict = policy.consider(beliefs(10_500, now));
    expect(verdict).toMatchObject({
      kind: 'switch',
      reason: 'the device-edge link up fell from 16 Mbit/s to 2 Mbit/s',
      tierOf: DEVICE,
      predictedGainMs: expect.closeTo(220, 1),
      bytes: 0,
    });
  });

  it('consider() begins to count anew when the gain was gone in between', () => {
    const policy = policyAt(problemAt(2000));
    policy.consider(beliefs(10_000, problemAt(250)));
    policy.consider(beliefs(10_200, problemAt(2000)));
    expect(policy.consider(beliefs(10_400, problemAt(250)))).toMatchObject({ obstacle: 'confirmation' });
  });

  it('consider() declines a gain under the threshold', () => {
    const policy = policyAt(problemAt(2000));
    const verdict = policy.consider(beliefs(10_000, problemAt(520)));
    expect(verdict).toMatchObject({ kind: 'declined', obstacle: 'gain', tierOf: DEVICE });
    expect(verdict).toHaveProperty('reason', 'it would win 6 % and a switch takes 15 %');
  });

  it('consider() declines a switch that its cost outweighs, and takes it when more requests come', () => {
    const policy = policyAt(problemAt(2000));
    const costly = { switchCost: () => ({ bytes: 5e6, ms: 20_000 }), requestsPerSecond: 1 };
    for (const nowMs of [10_000, 11_000, 12_000]) {
      const verdict = policy.consider(beliefs(nowMs, problemAt(250), costly));
      expect(verdict).toMatchObject({ kind: 'declined', obstacle: 'cost', bytes: 5e6 });
    }
    const busy = { ...costly, requestsPerSecond: 4 };
    policy.consider(beliefs(13_000, problemAt(250), busy));
    expect(policy.consider(beliefs(14_000, problemAt(250), busy))).toMatchObject({ kind: 'switch', bytes: 5e6 });
  });

  it('consider() waits for the dwell time, and tells when to look again', () => {
    const policy = policyAt(problemAt(2000), 9000);
    policy.consider(beliefs(10_000, problemAt(250)));
    const verdict = policy.consider(beliefs(11_000, problemAt(250)));
    expect(verdict).toMatchObject({ kind: 'declined', obstacle: 'dwell', againInMs: 3000 });
    expect(policy.consider(beliefs(14_000, problemAt(250)))).toMatchObject({ kind: 'switch' });
  });

  it('consider() switches at once when it is forced to, or when the plan is no longer allowed', () => {
    const without = problemAt(2000, { constraints: { unavailable: ['edge'] } });
    expect(policyAt(problemAt(2000)).consider(beliefs(1, without, { forced: 'the edge was lost' }))).toMatchObject({
      kind: 'switch',
      reason: 'the edge was lost',
      tierOf: DEVICE,
    });
    expect(policyAt(problemAt(2000)).consider(beliefs(1, without))).toMatchObject({ kind: 'switch', tierOf: DEVICE });
  });

  it('consider() says so when no plan is left', () => {
    const constraints = { unavailable: ['edge'], pin: { b: 'edge' } };
    const verdict = policyAt(problemAt(2000)).consider(beliefs(1, problemAt(2000, { constraints })));
    expect(verdict).toMatchObject({ kind: 'infeasible', reason: expect.stringContaining('edge') });
  });

  it('consider() makes at most one switch per dwell time on a sawtooth around the break-even point', () => {
    const policy = policyAt(problemAt(2000));
    const switchesMs: number[] = [];
    let current = EDGE;
    for (let nowMs = 0; nowMs < 120_000; nowMs += 100) {
      const problem = problemAt(556 * 2.5 ** Math.sin(nowMs / 400));
      const verdict = policy.consider(beliefs(nowMs, problem, { current }));
      if (verdict.kind !== 'switch') continue;
      switchesMs.push(nowMs);
      current = verdict.tierOf;
      policy.adopted(nowMs, problem);
    }
    const gaps = switchesMs.slice(1).map((ms, index) => ms - (switchesMs[index] ?? 0));
    expect(switchesMs.length).toBeGreaterThan(1);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5000);
  });

  it('consider() re-plans streams and capped plans too', () => {
    for (const changes of [{ objective: 'throughput' }, { constraints: { memoryBytes: [null, 1e6] } }] as const) {
      const policy = policyAt(problemAt(2000, changes));
      policy.consider(beliefs(10_000, problemAt(100, changes)));
      const verdict = policy.consider(beliefs(11_000, problemAt(100, changes)));
      expect(verdict).toMatchObject({ kind: 'switch', tierOf: DEVICE });
    }
  });
});
