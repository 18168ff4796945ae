import { type Lists, listsOf } from '../graph/prepare-graph.ts';
import type { LabelModel } from '../labelling/label-model.ts';

/** A graph in levels: what HPA derives from the structure alone, once per graph. */
export interface Levels {
  readonly count: number;
  /** Level Z_q of each layer: its longest distance from the network's inputs. Auxiliary variables share one of theirs. */
  readonly levelOf: Int32Array;
  /** Level → its layers, ascending. */
  readonly layers: Lists;
}

const known = new WeakMap<LabelModel, Levels>();

/** The levels of a graph, derived at its first use. */
export function levelsOf(model: LabelModel): Levels {
  const levels = known.get(model) ?? deriveLevels(model);
  known.set(model, levels);
  return levels;
}

function deriveLevels({ graph, variableCount, orders }: LabelModel): Levels {
  const { layerCount, predecessors } = graph;
  const levelOf = new Int32Array(variableCount);
  const layers: number[][] = [];
  for (let layer = 0; layer < layerCount; layer++) {
    for (let at = predecessors.start[layer] ?? 0; at < (predecessors.start[layer + 1] ?? 0); at++) {
      levelOf[layer] = Math.max(levelOf[layer] ?? 0, (levelOf[predecessors.items[at] ?? 0] ?? 0) + 1);
    }
    const level = levelOf[layer] ?? 0;
    layers[level] ??= [];
    layers[level].push(layer);
  }
  for (let at = 0; at < orders.length; at += 2) {
    const [low, high] = [orders[at] ?? 0, orders[at + 1] ?? 0];
    if (high >= layerCount) levelOf[high] = Math.max(levelOf[high] ?? 0, levelOf[low] ?? 0);
  }
  return { count: layers.length, levelOf, layers: listsOf(layers) };
}
