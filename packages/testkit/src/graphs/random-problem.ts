import type { Constraints, LayerGraph, Objective, Problem } from '@d3/partition';
import type { Random } from './random.ts';

/** What a random problem may have beside plain costs. */
export interface RandomProblemOptions {
  readonly tierCount?: number;
  readonly objective?: Objective;
  /** Probability of each kind of constraint; 0 by default. */
  readonly constraints?: number;
  /** Whether the coded size of a tensor may differ from hop to hop; false by default. */
  readonly codedPerHop?: boolean;
  readonly memoryCaps?: boolean;
}

const tierNames = ['device', 'edge', 'cloud', 'region'];

/**
 * Random costs over a graph. Every second problem has tiers that are good at different operator kinds, so that splits
 * pay; the others have plain speeds, where a single tier usually wins.
 */
export function randomProblem(random: Random, graph: LayerGraph, options: RandomProblemOptions = {}): Problem {
  const tierCount = options.tierCount ?? random.integer(2, 4);
  const tiers = tierNames.slice(0, tierCount);
  const affinity = random.chance(0.5);
  const speeds = tiers.map((_, tier) => random.magnitude(1e5, 1e7) * (tier + 1));
  const kindFactors = new Map<string, number[]>();
  const kindFactor = (kind: string, tier: number) => {
    const known = kindFactors.get(kind) ?? tiers.map(() => random.magnitude(0.1, 10));
    kindFactors.set(kind, known);
    return affinity ? (known[tier] ?? 1) : 1;
  };
  return {
    tiers,
    concurrency: tiers.map(() => random.pick([1, 1, 2, 4])),
    tierFixedMs: tiers.map(() => (random.chance(0.5) ? 0 : random.between(0, 3))),
    layers: graph.layers.map((layer) => ({
      ...layer,
      computeMs: speeds.map(
        (speed, tier) => ((layer.flops * kindFactor(layer.kind, tier)) / speed) * random.between(0.8, 1.2),
      ),
    })),
    tensors: graph.tensors.map((tensor) => {
      const share = random.pick([1, 1, 0.25, 0.5]);
      const codedBytes = tiers
        .slice(1)
        .map(() => Math.ceil(tensor.bytes * (options.codedPerHop ? random.between(0.1, 1) : share)));
      return { ...tensor, codedBytes };
    }),
    hops: tiers.slice(1).map(() => {
      const upBytesPerMs = random.magnitude(100, 50_000);
      return { upBytesPerMs, downBytesPerMs: upBytesPerMs * random.between(0.5, 5), delayMs: random.between(0, 10) };
    }),
    objective: options.objective ?? 'latency',
    constraints: randomConstraints(random, { graph, tiers, options }),
  };
}

function randomConstraints(
  random: Random,
  { graph, tiers, options }: { graph: LayerGraph; tiers: readonly string[]; options: RandomProblemOptions },
): Constraints {
  const likely = options.constraints ?? 0;
  const totalBytes = graph.layers.reduce((total, layer) => total + layer.weightBytes, 0);
  const pins: Record<string, string> = {};
  if (random.chance(likely)) pins[random.pick(graph.layers).name] = random.pick(tiers);
  return {
    ...(random.chance(likely) ? { keepOnDevice: random.integer(1, 3) } : {}),
    ...(Object.keys(pins).length > 0 ? { pin: pins } : {}),
    ...(random.chance(likely / 2) ? { unavailable: [random.pick(tiers)] } : {}),
    ...(options.memoryCaps
      ? { memoryBytes: tiers.map(() => (random.chance(0.5) ? Math.round(random.between(0.2, 1) * totalBytes) : null)) }
      : {}),
  };
}
