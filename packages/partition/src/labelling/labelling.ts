import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { Elimination } from './eliminate.ts';
import { type EliminationStep, eliminationOrder } from './elimination-order.ts';
import type { LabelCosts } from './label-costs.ts';
import { type LabelModel, labelModel } from './label-model.ts';
import { minCut } from './min-cut.ts';

/** The labelling of a graph with the ways to solve it: made at its first use, kept as long as the graph. */
export class Labelling {
  readonly model: LabelModel;
  readonly #order: readonly EliminationStep[] | null;
  readonly #eliminations = new Map<number, Elimination | null>();

  constructor(graph: PreparedGraph) {
    this.model = labelModel(graph);
    this.#order = eliminationOrder(this.model);
  }

  /**
   * A labelling of least cost, exact: by elimination where the graph is narrow, else by minimum cut.
   *
   * @returns label of each variable
   */
  least(costs: LabelCosts): Uint8Array {
    return this.#eliminationFor(costs.labelCount)?.solve(costs) ?? minCut(this.model, costs);
  }

  #eliminationFor(labelCount: number): Elimination | null {
    let elimination = this.#eliminations.get(labelCount);
    if (elimination === undefined) {
      elimination = this.#order && Elimination.for(this.model, this.#order, labelCount);
      this.#eliminations.set(labelCount, elimination);
    }
    return elimination;
  }
}

const labellings = new WeakMap<PreparedGraph, Labelling>();

/** The labelling of a graph. */
export function labellingOf(graph: PreparedGraph): Labelling {
  let labelling = labellings.get(graph);
  if (labelling === undefined) {
    labelling = new Labelling(graph);
    labellings.set(graph, labelling);
  }
  return labelling;
}
