import type { LayerGraph } from '../problem.ts';

/** Lists of lists in two arrays: list i is `items[start[i]]` up to, not including, `items[start[i + 1]]`. */
export interface Lists {
  readonly start: Int32Array;
  readonly items: Int32Array;
}

/**
 * A layer graph with its names resolved: all that planning needs and that costs do not change. Make it once per network
 * and use it for every problem over that network. Indices are those of `layers` and `tensors`; treat it as read-only.
 */
export interface PreparedGraph {
  readonly layerCount: number;
  readonly tensorCount: number;
  /** Layer that writes each tensor; -1 for a network input. */
  readonly producerOf: Int32Array;
  /** Tensor → layers that read it, ascending, each once. */
  readonly readers: Lists;
  /** Layer → layers it reads from, ascending, each once. */
  readonly predecessors: Lists;
  /** Layer → layers that read from it, ascending, each once. */
  readonly successors: Lists;
  /** Layer → tensors it reads, each once. */
  readonly inputs: Lists;
  /** Layer → tensors it writes. */
  readonly outputs: Lists;
  /** Layer → its weights; the ones that layers share have one index. */
  readonly weights: Lists;
  /** Size of each weight. */
  readonly weightBytes: Float64Array;
  /** Whether each layer reads a network input: 1 or 0. */
  readonly readsInput: Uint8Array;
  /** Tensors that are network outputs and that a layer writes. */
  readonly networkOutputs: Int32Array;
  /** Layers without predecessors. */
  readonly sources: Int32Array;
  /** Layers without successors. */
  readonly sinks: Int32Array;
}

/**
 * Resolves the names of a graph, once.
 *
 * @param graph - keeps the rules of SPEC.md, section 1: `verifyGraph` checks them where a graph arrives, as `parseProblem`
 * and `planProblem` do
 */
export function prepareGraph(graph: LayerGraph): PreparedGraph {
  const tensorIndex = new Map(graph.tensors.map((tensor, index) => [tensor.name, index]));
  const indicesOf = (names: readonly string[]) => [...new Set(names)].map((name) => tensorIndex.get(name) ?? -1);
  const inputs = graph.layers.map((layer) => indicesOf(layer.inputs));
  const outputs = graph.layers.map((layer) => indicesOf(layer.outputs));
  const producerOf = new Int32Array(graph.tensors.length).fill(-1);
  const readers: number[][] = graph.tensors.map(() => []);
  outputs.forEach((tensors, layer) => {
    for (const tensor of tensors) producerOf[tensor] = layer;
  });
  inputs.forEach((tensors, layer) => {
    for (const tensor of tensors) readers[tensor]?.push(layer);
  });
  const ascending = (list: Iterable<number>) => [...new Set(list)].sort((a, b) => a - b);
  const predecessors = inputs.map((tensors) =>
    ascending(tensors.map((tensor) => producerOf[tensor] ?? -1).filter((layer) => layer >= 0)),
  );
  const successors = outputs.map((tensors) => ascending(tensors.flatMap((tensor) => readers[tensor] ?? [])));
  return {
    layerCount: graph.layers.length,
    tensorCount: graph.tensors.length,
    producerOf,
    readers: listsOf(readers),
    predecessors: listsOf(predecessors),
    successors: listsOf(successors),
    inputs: listsOf(inputs),
    outputs: listsOf(outputs),
    ...weightsOf(graph),
    readsInput: Uint8Array.from(inputs, (tensors) => (tensors.some((tensor) => producerOf[tensor] === -1) ? 1 : 0)),
    networkOutputs: Int32Array.from(
      graph.tensors.flatMap((tensor, index) => (tensor.isOutput && !tensor.isInput ? [index] : [])),
    ),
    sources: emptyOnes(predecessors),
    sinks: emptyOnes(successors),
  };
}

/** Packs lists into two arrays. */
export function listsOf(lists: readonly (readonly number[])[]): Lists {
  const start = new Int32Array(lists.length + 1);
  lists.forEach((list, index) => {
    start[index + 1] = (start[index] ?? 0) + list.length;
  });
  return { start, items: Int32Array.from(lists.flat()) };
}

function weightsOf(graph: LayerGraph): Pick<PreparedGraph, 'weights' | 'weightBytes'> {
  const shared = new Map<string, number>();
  const bytes: number[] = [];
  const weights = graph.layers.map((layer) => {
    if (layer.weights === undefined) return layer.weightBytes > 0 ? [bytes.push(layer.weightBytes) - 1] : [];
    const indices = layer.weights.map((weight) => {
      const index = shared.get(weight.id) ?? bytes.push(weight.bytes) - 1;
      shared.set(weight.id, index);
      return index;
    });
    return [...new Set(indices)];
  });
  return { weights: listsOf(weights), weightBytes: Float64Array.from(bytes) };
}

function emptyOnes(lists: readonly (readonly number[])[]): Int32Array {
  return Int32Array.from(lists.flatMap((list, index) => (list.length === 0 ? [index] : [])));
}
