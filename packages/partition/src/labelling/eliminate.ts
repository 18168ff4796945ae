import type { EliminationStep } from './elimination-order.ts';
import type { LabelCosts } from './label-costs.ts';
import type { LabelModel } from './label-model.ts';

/** Table entries per variable above which a minimum cut is quicker. */
const ENTRIES_PER_VARIABLE = 3000;

/**
 * Finds a labelling of least cost by taking variables out one at a time and remembering, for every choice of the
 * neighbours, the variable's best label (SPEC.md, O4). Exact; of equally good labels it takes the smallest. Time is linear
 * in the layers where the graph is narrow, whatever the costs. Made once per graph and number of labels; keeps its buffers.
 */
export class Elimination {
  readonly #model: LabelModel;
  readonly #labelCount: number;
  readonly #steps: readonly CompiledStep[];
  readonly #tables: Float64Array;
  readonly #pairTables: number;
  /** Best label per step and choice of neighbours. */
  readonly #choices: Uint8Array;
  readonly #sums: Float64Array;

  private constructor(model: LabelModel, labelCount: number, layout: Layout) {
    this.#model = model;
    this.#labelCount = labelCount;
    this.#steps = layout.steps;
    this.#tables = new Float64Array(layout.tableSize);
    this.#pairTables = layout.pairTables;
    this.#choices = new Uint8Array(layout.choiceSize);
    this.#sums = new Float64Array(layout.largest);
    for (let high = 0; high < labelCount; high++) {
      for (let low = high + 1; low < labelCount; low++) {
        this.#tables[layout.orderTable + low + labelCount * high] = Number.POSITIVE_INFINITY;
      }
    }
  }

  /** Null when the tables would be too large to be worth it. */
  static for(model: LabelModel, order: readonly EliminationStep[], labelCount: number): Elimination | null {
    let entries = 0;
    for (const step of order) entries += (step.terms.length + 2) * labelCount ** (step.scope.length + 1);
    if (entries > ENTRIES_PER_VARIABLE * model.variableCount) return null;
    return new Elimination(model, labelCount, layOut(model, order, labelCount));
  }

  /** @returns label of each variable */
  solve(costs: LabelCosts): Uint8Array {
    this.#tables.set(costs.unary);
    this.#fillPairs(costs.pair);
    for (const step of this.#steps) this.#eliminate(step);
    return this.#readBack();
  }

  #fillPairs(pair: Float64Array): void {
    const labelCount = this.#labelCount;
    const hops = labelCount - 1;
    let at = this.#pairTables;
    for (let first = 0; first < pair.length; first += hops) {
      for (let to = 0; to < labelCount; to++) {
        let ms = 0;
        for (let from = to; from >= 0; from--) {
          this.#tables[at + from + labelCount * to] = ms;
          if (from > 0) ms += pair[first + from - 1] ?? 0;
        }
        for (let from = to + 1; from < labelCount; from++) {
          this.#tables[at + from + labelCount * to] = Number.POSITIVE_INFINITY;
        }
      }
      at += labelCount * labelCount;
    }
  }

  #eliminate({ variable, terms, size, result, choice }: CompiledStep): void {
    const labelCount = this.#labelCount;
    const tables = this.#tables;
    const sums = this.#sums;
    const own = variable * labelCount;
    for (let at = 0, label = 0; at < size; at++) {
      sums[at] = tables[own + label] ?? 0;
      if (++label === labelCount) label = 0;
    }
    for (const { table, map } of terms) {
      for (let at = 0; at < size; at++) sums[at] = (sums[at] ?? 0) + (tables[table + (map[at] ?? 0)] ?? 0);
    }
    for (let at = 0, out = 0; at < size; out++) {
      let least = sums[at++] ?? 0;
      let best = 0;
      for (let label = 1; label < labelCount; label++) {
        const ms = sums[at++] ?? 0;
        if (ms < least) {
          least = ms;
          best = label;
        }
      }
      tables[result + out] = least;
      this.#choices[choice + out] = best;
    }
  }

  #readBack(): Uint8Array {
    const labels = new Uint8Array(this.#model.variableCount);
    for (let index = this.#steps.length - 1; index >= 0; index--) {
      const step = this.#steps[index];
      if (step === undefined) break;
      let at = step.choice;
      let stride = 1;
      for (const neighbour of step.scope) {
        at += stride * (labels[neighbour] ?? 0);
        stride *= this.#labelCount;
      }
      labels[step.variable] = this.#choices[at] ?? 0;
    }
    return labels;
  }
}

interface CompiledStep {
  readonly variable: number;
  readonly scope: readonly number[];
  /** Where a term's table starts, and which of its entries belongs to each entry of the step's own table. */
  readonly terms: readonly { readonly table: number; readonly map: Uint16Array }[];
  /** Entries of the step's table: its own label runs fastest, then those of the scope. */
  readonly size: number;
  readonly result: number;
  readonly choice: number;
}

interface Layout {
  readonly steps: readonly CompiledStep[];
  readonly tableSize: number;
  readonly orderTable: number;
  readonly pairTables: number;
  readonly choiceSize: number;
  readonly largest: number;
}

function layOut(model: LabelModel, order: readonly EliminationStep[], labelCount: number): Layout {
  const square = labelCount * labelCount;
  const orderTable = model.variableCount * labelCount;
  const pairTables = orderTable + square;
  const scopes: (readonly number[])[] = [];
  const tables: number[] = [];
  model.orderLow.forEach((low, index) => {
    scopes.push([low, model.orderHigh[index] ?? 0]);
    tables.push(orderTable);
  });
  model.pairFrom.forEach((from, index) => {
    scopes.push([from, model.pairTo[index] ?? 0]);
    tables.push(pairTables + index * square);
  });
  const maps = new Map<string, Uint16Array>();
  let [tableSize, choiceSize, largest] = [pairTables + model.pairFrom.length * square, 0, 0];
  const steps = order.map(({ variable, scope, terms }) => {
    const size = labelCount ** (scope.length + 1);
    const compiled = terms.map((term) => {
      const positions = (scopes[term] ?? []).map((member) => (member === variable ? 0 : scope.indexOf(member) + 1));
      return { table: tables[term] ?? 0, map: mapFor(maps, { positions, size, labelCount }) };
    });
    const step = { variable, scope, terms: compiled, size, result: tableSize, choice: choiceSize };
    scopes.push(scope);
    tables.push(tableSize);
    tableSize += size / labelCount;
    choiceSize += size / labelCount;
    largest = Math.max(largest, size);
    return step;
  });
  return { steps, tableSize, orderTable, pairTables, choiceSize, largest };
}

function mapFor(
  maps: Map<string, Uint16Array>,
  { positions, size, labelCount }: { positions: readonly number[]; size: number; labelCount: number },
): Uint16Array {
  const key = `${size}:${positions.join()}`;
  const known = maps.get(key);
  if (known !== undefined) return known;
  const map = Uint16Array.from({ length: size }, (_, at) =>
    positions.reduce(
      (sum, position, index) => sum + (Math.floor(at / labelCount ** position) % labelCount) * labelCount ** index,
      0,
    ),
  );
  maps.set(key, map);
  return map;
}
