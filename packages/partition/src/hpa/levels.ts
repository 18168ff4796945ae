import { type Lists, listsOf, type PreparedGraph } from '../graph/prepare-graph.ts';

/** A graph in levels: what HPA derives from the structure alone, once per graph. */
export interface Levels {
  readonly count: number;
  /** Level Z_q of each layer: its longest distance from the network's inputs. */
  readonly levelOf: Int32Array;
  /** Level → its layers, ascending. */
  readonly layers: Lists;
  /** Per tensor, the level that writes it (-1 for an input) and the furthest level that reads it (its own if none). */
  readonly writtenAt: Int32Array;
  readonly readAt: Int32Array;
  /** Branches: maximal chains of layers that read only the one before; every layer is in one. In order of their first. */
  readonly branches: Lists;
  /** Branch of each layer. */
  readonly branchOf: Int32Array;
  /** Tensors that several layers read. */
  readonly forks: Int32Array;
}

const known = new WeakMap<PreparedGraph, Levels>();

/** The levels of a graph, derived at its first use. */
export function levelsOf(graph: PreparedGraph): Levels {
  let levels = known.get(graph);
  if (levels === undefined) {
    levels = deriveLevels(graph);
    known.set(graph, levels);
  }
  return levels;
}

function deriveLevels(graph: PreparedGraph): Levels {
  const levelOf = new Int32Array(graph.layerCount);
  const { start, items } = graph.predecessors;
  let count = 0;
  for (let layer = 0; layer < graph.layerCount; layer++) {
    let level = 0;
    for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++) {
      level = Math.max(level, (levelOf[items[at] ?? 0] ?? 0) + 1);
    }
    levelOf[layer] = level;
    count = Math.max(count, level + 1);
  }
  const layers: number[][] = Array.from({ length: count }, () => []);
  levelOf.forEach((level, layer) => {
    layers[level]?.push(layer);
  });
  return {
    count,
    levelOf,
    layers: listsOf(layers),
    ...tensorLevels(graph, levelOf),
    ...branchesOf(graph),
    forks: forksOf(graph),
  };
}

function tensorLevels(graph: PreparedGraph, levelOf: Int32Array): Pick<Levels, 'writtenAt' | 'readAt'> {
  const writtenAt = graph.producerOf.map((layer) => (layer < 0 ? -1 : (levelOf[layer] ?? 0)));
  const readAt = writtenAt.slice();
  const { start, items } = graph.readers;
  for (let tensor = 0; tensor < graph.tensorCount; tensor++) {
    for (let at = start[tensor] ?? 0; at < (start[tensor + 1] ?? 0); at++) {
      readAt[tensor] = Math.max(readAt[tensor] ?? 0, levelOf[items[at] ?? 0] ?? 0);
    }
  }
  return { writtenAt, readAt };
}

function forksOf({ tensorCount, readers: { start } }: PreparedGraph): Int32Array {
  return Int32Array.from({ length: tensorCount }, (_, tensor) => tensor).filter(
    (tensor) => (start[tensor + 1] ?? 0) - (start[tensor] ?? 0) > 1,
  );
}

function branchesOf(graph: PreparedGraph): Pick<Levels, 'branches' | 'branchOf'> {
  const only = (lists: Lists, layer: number) => {
    const from = lists.start[layer] ?? 0;
    return (lists.start[layer + 1] ?? 0) - from === 1 ? (lists.items[from] ?? -1) : -1;
  };
  const follows = (layer: number) => {
    const before = only(graph.predecessors, layer);
    return before >= 0 && only(graph.successors, before) === layer;
  };
  const branches: number[][] = [];
  for (let layer = 0; layer < graph.layerCount; layer++) {
    if (follows(layer)) continue;
    const branch = [layer];
    for (let next = only(graph.successors, layer); next >= 0 && follows(next); next = only(graph.successors, next)) {
      branch.push(next);
    }
    branches.push(branch);
  }
  const branchOf = new Int32Array(graph.layerCount);
  branches.forEach((branch, index) => {
    for (const layer of branch) branchOf[layer] = index;
  });
  return { branches: listsOf(branches), branchOf };
}
