import type { Assignment, LayerGraph } from './problem.ts';

/** What one tier does under an assignment. */
export interface Segment {
  /** Tier index. */
  readonly tier: number;
  /** Layer indices, in topological order; empty for a relay. */
  readonly layers: readonly number[];
  /** Tensors it reads that it does not write. */
  readonly inputs: readonly string[];
  /** Tensors it writes that a later tier reads or that are network outputs. */
  readonly outputs: readonly string[];
}

/** An assignment cut into segments and boundaries. */
export interface Segmentation {
  /** One per tier, in order. */
  readonly segments: readonly Segment[];
  /** Per hop k, the tensors that cross it upwards: made (or fed) at or before tier k and read after it. In graph order. */
  readonly boundaries: readonly (readonly string[])[];
}

/**
 * Cuts a graph by an assignment.
 *
 * @param tierCount - number of tiers, at least the largest index + 1
 */
export function segmentsOf(graph: LayerGraph, tierOf: Assignment, tierCount: number): Segmentation {
  const producerTier = new Map<string, number>();
  const furthestReader = new Map<string, number>();
  graph.layers.forEach((layer, index) => {
    const tier = tierOf[index] ?? 0;
    for (const name of layer.outputs) producerTier.set(name, tier);
    for (const name of layer.inputs) {
      furthestReader.set(name, Math.max(furthestReader.get(name) ?? 0, tier));
    }
  });
  const tiers = Array.from({ length: tierCount }, (_, tier) => tier);
  const crosses = (name: string, hop: number) =>
    (producerTier.get(name) ?? 0) <= hop && (furthestReader.get(name) ?? 0) > hop;
  return {
    segments: tiers.map((tier) => segmentOf(graph, tierOf, tier, furthestReader)),
    boundaries: tiers.slice(0, -1).map((hop) => graph.tensors.filter((t) => crosses(t.name, hop)).map((t) => t.name)),
  };
}

function segmentOf(
  graph: LayerGraph,
  tierOf: Assignment,
  tier: number,
  furthestReader: ReadonlyMap<string, number>,
): Segment {
  const layers = graph.layers.map((_, index) => index).filter((index) => tierOf[index] === tier);
  const read = new Set<string>();
  const written = new Set<string>();
  for (const index of layers) {
    for (const name of graph.layers[index]?.inputs ?? []) read.add(name);
    for (const name of graph.layers[index]?.outputs ?? []) written.add(name);
  }
  return {
    tier,
    layers,
    inputs: graph.tensors.filter((t) => read.has(t.name) && !written.has(t.name)).map((t) => t.name),
    outputs: graph.tensors
      .filter((t) => written.has(t.name) && (t.isOutput || (furthestReader.get(t.name) ?? 0) > tier))
      .map((t) => t.name),
  };
}
