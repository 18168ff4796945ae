import type { PreparedGraph } from '../graph/prepare-graph.ts';

/**
 * A graph as a labelling problem (SPEC.md, section 4): every layer gets a label, the station it lies on, and the cost is a
 * sum of terms over one or two variables. Layers are the first variables; the auxiliary ones after them stand for the
 * furthest or nearest of several layers and pay what is due once.
 */
export interface LabelModel {
  readonly graph: PreparedGraph;
  readonly variableCount: number;
  /** Per tensor, the variable whose label is its furthest reader's; -1 when nobody reads it. */
  readonly furthestReader: Int32Array;
  /** Label of variable `orders[2i]` ≤ label of variable `orders[2i + 1]`, at no cost. */
  readonly orders: Int32Array;
  /** Variable whose label is the furthest of all layers. */
  readonly furthestLayer: number;
  /** Variable whose label is the furthest of the layers that write a network output; -1 when none does. */
  readonly furthestOutput: number;
  /** Variable whose label is the nearest of all layers. */
  readonly nearestLayer: number;
}

const models = new WeakMap<PreparedGraph, LabelModel>();

/** The labelling of a graph: derived at its first use, kept as long as the graph. */
export function labelModelOf(graph: PreparedGraph): LabelModel {
  const model = models.get(graph) ?? deriveModel(graph);
  models.set(graph, model);
  return model;
}

function deriveModel(graph: PreparedGraph): LabelModel {
  let variableCount = graph.layerCount;
  const orders: number[] = [];
  /** One variable for several layers: the only one of them, or an auxiliary that they are all ordered against. */
  const joined = (layers: Int32Array, nearest: boolean) => {
    if (layers.length < 2) return layers[0] ?? -1;
    for (const layer of layers) {
      if (nearest) orders.push(variableCount, layer);
      else orders.push(layer, variableCount);
    }
    return variableCount++;
  };
  const { start, items } = graph.readers;
  const furthestReader = graph.producerOf.map((producer, tensor) => {
    const readers = items.subarray(start[tensor], start[tensor + 1]);
    if (producer >= 0 && readers.length > 1) for (const reader of readers) orders.push(producer, reader);
    return joined(readers, false);
  });
  const writers = new Set(graph.networkOutputs.map((tensor) => graph.producerOf[tensor] ?? 0));
  const ends = {
    furthestLayer: joined(graph.sinks, false),
    furthestOutput: joined(Int32Array.from(writers), false),
    nearestLayer: joined(graph.sources, true),
  };
  return { graph, variableCount, furthestReader, orders: Int32Array.from(orders), ...ends };
}
