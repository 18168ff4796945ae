import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { MergedHop } from '../objective/merge-hops.ts';
import type { Problem } from '../problem.ts';

/** What layer tails are computed over. */
export interface LayerTailScope {
  readonly graph: PreparedGraph;
  readonly masks: Int32Array;
  readonly stations: readonly number[];
  readonly hops: readonly MergedHop[];
}

/**
 * The cheapest way to finish from each layer on, given its station, itself included: `ms[layer * stations + station]`. A
 * layer that reads several others counts for the last of them only, so the estimate is exact on trees.
 */
export function layerTails(problem: Problem, { graph, masks, stations, hops }: LayerTailScope): Float64Array {
  const count = stations.length;
  const ms = new Float64Array(graph.layerCount * count);
  const returnMs = returnTimes(problem, { graph, hops, count });
  for (let layer = graph.layerCount - 1; layer >= 0; layer--) {
    const computeMs = problem.layers[layer]?.computeMs ?? [];
    const mask = masks[layer] ?? 0;
    for (let station = 0; station < count; station++) {
      const tier = stations[station] ?? 0;
      const own = (mask & (1 << tier)) === 0 ? Number.POSITIVE_INFINITY : (computeMs[tier] ?? 0);
      ms[layer * count + station] = own + (returnMs[layer * count + station] ?? 0);
    }
    for (let at = graph.outputs.start[layer] ?? 0; at < (graph.outputs.start[layer + 1] ?? 0); at++) {
      addReaders(problem, ms, { graph, hops, layer, tensor: graph.outputs.items[at] ?? 0 });
    }
  }
  return ms;
}

function returnTimes(
  problem: Problem,
  { graph, hops, count }: { graph: PreparedGraph; hops: readonly MergedHop[]; count: number },
): Float64Array {
  const ms = new Float64Array(graph.layerCount * count);
  for (const tensor of graph.networkOutputs) {
    let total = 0;
    for (let station = 1; station < count; station++) {
      total += (problem.tensors[tensor]?.bytes ?? 0) / (hops[station - 1]?.downBytesPerMs ?? 1);
      const at = (graph.producerOf[tensor] ?? 0) * count + station;
      ms[at] = (ms[at] ?? 0) + total;
    }
  }
  return ms;
}

/** Adds, per station of the writer, the best furthest station for a tensor and its readers' best tails up to there. */
function addReaders(
  problem: Problem,
  ms: Float64Array,
  { graph, hops, layer, tensor }: { graph: PreparedGraph; hops: readonly MergedHop[]; layer: number; tensor: number },
): void {
  const owned = ownedReaders(graph, layer, tensor);
  if (owned.length === 0) return;
  const count = hops.length + 1;
  const coded = problem.tensors[tensor]?.codedBytes ?? [];
  for (let from = 0; from < count; from++) {
    const least = owned.map(() => Number.POSITIVE_INFINITY);
    let sendMs = 0;
    let best = Number.POSITIVE_INFINITY;
    for (let to = from; to < count; to++) {
      if (to > from) sendMs += (coded[hops[to - 1]?.first ?? 0] ?? 0) / (hops[to - 1]?.upBytesPerMs ?? 1);
      let total = sendMs;
      for (let index = 0; index < owned.length; index++) {
        const tail = Math.min(least[index] ?? 0, ms[(owned[index] ?? 0) * count + to] ?? 0);
        least[index] = tail;
        total += tail;
      }
      best = Math.min(best, total);
    }
    const at = layer * count + from;
    ms[at] = (ms[at] ?? 0) + best;
  }
}

/** Readers of a tensor that read no later layer than its writer, each at the first tensor it reads of it. */
function ownedReaders(
  { readers, predecessors, inputs, producerOf }: PreparedGraph,
  layer: number,
  tensor: number,
): number[] {
  const owned: number[] = [];
  for (let at = readers.start[tensor] ?? 0; at < (readers.start[tensor + 1] ?? 0); at++) {
    const reader = readers.items[at] ?? 0;
    if (predecessors.items[(predecessors.start[reader + 1] ?? 0) - 1] !== layer) continue;
    let input = inputs.start[reader] ?? 0;
    while (producerOf[inputs.items[input] ?? 0] !== layer) input++;
    if (inputs.items[input] === tensor) owned.push(reader);
  }
  return owned;
}
