import { type Lists, listsOf, type PreparedGraph } from '../graph/prepare-graph.ts';

/**
 * A planning problem as a labelling (SPEC.md, section 4): every layer gets a label, the station it lies on, and the cost is
 * a sum of terms over one or two variables. The structure depends on the graph alone, so it is made once.
 *
 * Beside the layers there are auxiliary variables: for each tensor with several readers the furthest of them (it pays for
 * the tensor once per hop), and for groups of layers the furthest or nearest of them (it pays what is due once).
 */
export interface LabelModel {
  readonly variableCount: number;
  /** Terms that charge tensors on their way from the label of `pairFrom` to that of `pairTo`, which is no smaller. */
  readonly pairFrom: Int32Array;
  readonly pairTo: Int32Array;
  /** Pair → tensors it charges. */
  readonly pairTensors: Lists;
  /** Variable that pays for network inputs → input tensors. */
  readonly inputVariables: Int32Array;
  readonly inputTensors: Lists;
  /** Label of `orderLow` ≤ label of `orderHigh`, at no cost. */
  readonly orderLow: Int32Array;
  readonly orderHigh: Int32Array;
  /** Variable whose label is the furthest of all layers. */
  readonly furthestLayer: number;
  /** Variable whose label is the furthest of the layers that write a network output; -1 when none does. */
  readonly furthestOutput: number;
  /** Variable whose label is the nearest of all layers. */
  readonly nearestLayer: number;
}

/** Looking for readers that others make redundant stops after this many steps per layer; what is left is still exact. */
const STEPS_PER_LAYER = 200;

/** Derives the labelling of a graph. */
export function labelModel(graph: PreparedGraph): LabelModel {
  const build = new LabelModelBuild(graph);
  for (let tensor = 0; tensor < graph.tensorCount; tensor++) build.addTensor(tensor);
  const outputLayers = new Set<number>();
  for (const tensor of graph.networkOutputs) outputLayers.add(graph.producerOf[tensor] ?? 0);
  const furthestLayer = build.furthestOf([...graph.sinks]);
  const furthestOutput = outputLayers.size === 0 ? -1 : build.furthestOf([...outputLayers].sort((a, b) => a - b));
  const nearestLayer = build.nearestOf([...graph.sources]);
  return build.finish({ furthestLayer, furthestOutput, nearestLayer });
}

class LabelModelBuild {
  readonly #graph: PreparedGraph;
  #variableCount: number;
  #stepsLeft: number;
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #tensors: number[][] = [];
  readonly #pairs = new Map<string, number>();
  readonly #inputs = new Map<number, number[]>();
  readonly #low: number[] = [];
  readonly #high: number[] = [];
  readonly #orders = new Set<string>();
  readonly #furthest = new Map<string, number>();
  readonly #mark: Uint8Array;

  constructor(graph: PreparedGraph) {
    this.#graph = graph;
    this.#variableCount = graph.layerCount;
    this.#stepsLeft = STEPS_PER_LAYER * graph.layerCount;
    this.#mark = new Uint8Array(graph.layerCount);
  }

  addTensor(tensor: number): void {
    const { readers, producerOf } = this.#graph;
    const all = Array.from(readers.items.subarray(readers.start[tensor], readers.start[tensor + 1]));
    if (all.length === 0) return;
    const producer = producerOf[tensor] ?? -1;
    const { first, last } = this.#extremes(all);
    const target = this.furthestOf(last);
    if (producer < 0) {
      const charged = this.#inputs.get(target);
      if (charged === undefined) this.#inputs.set(target, [tensor]);
      else charged.push(tensor);
      return;
    }
    this.#pair(producer, target).push(tensor);
    for (const reader of first) if (reader !== target) this.#order(producer, reader);
  }

  /** A variable whose label is the furthest of some layers: one of them if there is one, else an auxiliary. */
  furthestOf(layers: readonly number[]): number {
    const { last } = this.#extremes(layers);
    const [only] = last;
    if (only !== undefined && last.length === 1) return only;
    const key = last.join();
    const known = this.#furthest.get(key);
    if (known !== undefined) return known;
    const variable = this.#variableCount++;
    this.#furthest.set(key, variable);
    for (const layer of last) this.#order(layer, variable);
    return variable;
  }

  /** A variable whose label is at most the nearest of some layers. */
  nearestOf(layers: readonly number[]): number {
    const [only] = layers;
    if (only !== undefined && layers.length === 1) return only;
    const variable = this.#variableCount++;
    for (const layer of layers) this.#order(variable, layer);
    return variable;
  }

  finish(ends: Pick<LabelModel, 'furthestLayer' | 'furthestOutput' | 'nearestLayer'>): LabelModel {
    return {
      variableCount: this.#variableCount,
      pairFrom: Int32Array.from(this.#from),
      pairTo: Int32Array.from(this.#to),
      pairTensors: listsOf(this.#tensors),
      inputVariables: Int32Array.from(this.#inputs.keys()),
      inputTensors: listsOf([...this.#inputs.values()]),
      orderLow: Int32Array.from(this.#low),
      orderHigh: Int32Array.from(this.#high),
      ...ends,
    };
  }

  #pair(from: number, to: number): number[] {
    const key = `${from},${to}`;
    let index = this.#pairs.get(key);
    if (index === undefined) {
      index = this.#from.length;
      this.#pairs.set(key, index);
      this.#from.push(from);
      this.#to.push(to);
      this.#tensors.push([]);
    }
    return this.#tensors[index] ?? [];
  }

  #order(low: number, high: number): void {
    const key = `${low},${high}`;
    if (this.#orders.has(key)) return;
    this.#orders.add(key);
    this.#low.push(low);
    this.#high.push(high);
  }

  /**
   * Of some layers, those that no other precedes (`first`) and those that no other follows (`last`): in between, labels
   * are bounded by theirs. Gives all of them as both when finding out would take too long.
   */
  #extremes(layers: readonly number[]): { first: readonly number[]; last: readonly number[] } {
    const low = layers[0] ?? 0;
    const high = layers.at(-1) ?? 0;
    if (layers.length < 2) return { first: layers, last: layers };
    this.#stepsLeft -= high - low;
    if (this.#stepsLeft < 0) return { first: layers, last: layers };
    const first = this.#unmarked(layers, { from: low, to: high, step: 1 });
    const last = this.#unmarked(layers, { from: high, to: low, step: -1 });
    return { first, last };
  }

  /** Walks the layers of a range and marks those behind one of `layers`; returns which of these stay unmarked. */
  #unmarked(layers: readonly number[], { from, to, step }: { from: number; to: number; step: 1 | -1 }): number[] {
    const { start, items } = step === 1 ? this.#graph.predecessors : this.#graph.successors;
    const members = new Set(layers);
    const mark = this.#mark;
    for (let layer = from; layer !== to + step; layer += step) {
      let marked = 0;
      for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++) {
        const near = items[at] ?? 0;
        if ((near - from) * step >= 0 && (mark[near] === 1 || members.has(near))) marked = 1;
      }
      mark[layer] = marked;
    }
    const result = layers.filter((layer) => mark[layer] === 0);
    mark.fill(0, Math.min(from, to), Math.max(from, to) + 1);
    return result;
  }
}
