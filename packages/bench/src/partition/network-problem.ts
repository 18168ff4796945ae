import type { LayerGraph, Problem } from '@d3/partition';
import type { Random } from '@d3/testkit';

/** Speeds around which costs are drawn, in FLOP/ms: a phone, a small server, a large one. */
const SPEEDS = [5e6, 50e6, 400e6];
const NODE_MS = 0.02;

/**
 * Costs of a network on three tiers whose speeds and links vary threefold and more; every third problem keeps the first
 * tenth of the layers on the device.
 */
export function networkProblem(random: Random, graph: LayerGraph): Problem {
  const speeds = SPEEDS.map((speed) => speed * random.magnitude(0.3, 3));
  const coded = (tensor: LayerGraph['tensors'][number]) => tensor.bytes * (tensor.isInput ? 0.25 : 0.5);
  return {
    tiers: ['device', 'edge', 'cloud'],
    concurrency: [1, 1, 1],
    tierFixedMs: [0, 1, 1],
    layers: graph.layers.map((layer) => ({
      ...layer,
      computeMs: speeds.map((speed) => layer.flops / speed + NODE_MS),
    })),
    tensors: graph.tensors.map((tensor) => ({ ...tensor, codedBytes: [coded(tensor), coded(tensor)] })),
    hops: [
      {
        upBytesPerMs: random.magnitude(130, 40_000),
        downBytesPerMs: random.magnitude(1000, 40_000),
        delayMs: random.between(1, 20),
      },
      {
        upBytesPerMs: random.magnitude(500, 40_000),
        downBytesPerMs: random.magnitude(1000, 40_000),
        delayMs: random.between(2, 30),
      },
    ],
    objective: 'latency',
    constraints: random.chance(1 / 3) ? { keepOnDevice: Math.ceil(graph.layers.length / 10) } : {},
  };
}
