import type { LayerGraph } from '@d3/partition';
import { describe, expect, it } from 'vitest';
import { buildProblem, type LinkEstimate, type TierProfile } from './index.ts';

const graph: LayerGraph = {
  layers: [
    { name: 'conv', kind: 'Conv', flops: 4e6, weightBytes: 10, inputs: ['x'], outputs: ['h'] },
    { name: 'fc', kind: 'Gemm', flops: 2e6, weightBytes: 20, inputs: ['h'], outputs: ['y'] },
  ],
  tensors: [
    { name: 'x', bytes: 400, isInput: true, isOutput: false },
    { name: 'h', bytes: 200, isInput: false, isOutput: false },
    { name: 'y', bytes: 40, isInput: false, isOutput: true },
  ],
};
const tier = (name: string, gflops: number): TierProfile => ({
  tier: name,
  backend: 'cpu',
  gflops,
  fixedMs: 0.5,
  concurrency: 1,
  slowdown: 1,
});
const link: LinkEstimate = { upBytesPerMs: 100, downBytesPerMs: 200, delayMs: 3 };

describe('buildProblem()', () => {
  it('turns FLOPs and rates into milliseconds per layer and tier', () => {
    const problem = buildProblem({ graph, profiles: [tier('device', 2), tier('edge', 20)], links: [link] });
    expect(problem.layers.map((layer) => layer.computeMs)).toEqual([
      [2, 0.2],
      [1, 0.1],
    ]);
    expect(problem.tierFixedMs).toEqual([0.5, 0.5]);
    expect(problem.hops).toEqual([link]);
    expect(problem.objective).toBe('latency');
  });

  it('charges coded sizes where they are known', () => {
    const problem = buildProblem({
      graph,
      profiles: [tier('device', 2), tier('edge', 20)],
      links: [link],
      codedBytes: new Map([['x', 100]]),
    });
    expect(problem.tensors.map((tensor) => tensor.codedBytes)).toEqual([[100], [200], [40]]);
  });

  it('prices a layer by the terms of its kind, else by those of other kinds', () => {
    const zero = { constantMs: 0, msPerFlop: 0, msPerInputByte: 0, msPerOutputByte: 0, msPerWeightByte: 0 };
    const terms = {
      Conv: { constantMs: 1, msPerFlop: 1e-6, msPerInputByte: 0.01, msPerOutputByte: 0.1, msPerWeightByte: 0.5 },
      other: { ...zero, msPerOutputByte: 1 },
    };
    const problem = buildProblem({
      graph,
      profiles: [{ ...tier('device', 2), terms }, tier('edge', 2)],
      links: [link],
    });
    expect(problem.layers.map((layer) => layer.computeMs)).toEqual([
      [1 + 4 + 4 + 20 + 5, 2],
      [40, 1],
    ]);
  });

  it('counts a load: its factor on every time, its wait once for each tier', () => {
    const loaded = { ...tier('edge', 20), load: { scale: 3, queueMs: 7 } };
    const problem = buildProblem({ graph, profiles: [tier('device', 2), loaded], links: [link] });
    expect(problem.layers[0]?.computeMs[0]).toBe(2);
    expect(problem.layers[0]?.computeMs[1]).toBeCloseTo(0.6, 12);
    expect(problem.tierFixedMs).toEqual([0.5, 8.5]);
    const outside = { ...loaded, handoffMs: 0.2 };
    const other = buildProblem({ graph, profiles: [tier('device', 2), outside], links: [link] });
    expect(other.tierFixedMs[1]).toBeCloseTo(3 * 0.3 + 0.2 + 7, 12);
  });

  it('refuses sources that do not fit together, naming the quantity', () => {
    expect(() => buildProblem({ graph, profiles: [tier('device', 2)], links: [link] })).toThrow(
      '1 tier profiles and 1 link estimates',
    );
    const slow = { ...link, upBytesPerMs: 0 };
    expect(() => buildProblem({ graph, profiles: [tier('device', 2), tier('edge', 1)], links: [slow] })).toThrow(
      "upBytesPerMs of link 'device-edge' is 0",
    );
    expect(() =>
      buildProblem({ graph, profiles: [tier('device', Number.NaN), tier('edge', 1)], links: [link] }),
    ).toThrow("gflops of tier 'device' is NaN");
    const negative = { constantMs: 0, msPerFlop: -1, msPerInputByte: 0, msPerOutputByte: 0, msPerWeightByte: 0 };
    const odd = { ...tier('device', 2), terms: { Conv: negative } };
    expect(() => buildProblem({ graph, profiles: [odd, tier('edge', 1)], links: [link] })).toThrow(
      "msPerFlop of Conv on tier 'device' is -1",
    );
  });
});
