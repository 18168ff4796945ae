import type { LabelModel } from './label-model.ts';

/** One variable taken out of a labelling: its terms become a single one over its neighbours. */
export interface EliminationStep {
  readonly variable: number;
  /** Its neighbours, which the new term ranges over. */
  readonly scope: readonly number[];
  /** Terms that it takes in. Numbered: orders, then pairs, then the terms that earlier steps made. */
  readonly terms: readonly number[];
}

/** More neighbours than this and a graph is too wide for tables. */
const WIDEST = 8;

/**
 * The order in which to take variables out, fewest neighbours first (Rose 1972), so that tables stay small: chains and
 * branches vanish one layer at a time. Null when some step would have more than {@link WIDEST} neighbours.
 */
export function eliminationOrder(model: LabelModel): readonly EliminationStep[] | null {
  const build = new EliminationBuild(model);
  const steps: EliminationStep[] = [];
  for (;;) {
    const variable = build.next();
    if (variable < 0) return steps;
    const step = build.eliminate(variable);
    if (step.scope.length > WIDEST) return null;
    steps.push(step);
  }
}

class EliminationBuild {
  readonly #neighbours: Set<number>[];
  /** Terms that each variable takes part in. */
  readonly #terms: Set<number>[];
  readonly #scopes: (readonly number[])[] = [];
  /** Variables by number of neighbours; entries may be out of date. */
  readonly #buckets: number[][] = [];
  readonly #done: Uint8Array;
  #lowest = 0;

  constructor(model: LabelModel) {
    const empty = () => Array.from({ length: model.variableCount }, () => new Set<number>());
    this.#neighbours = empty();
    this.#terms = empty();
    this.#done = new Uint8Array(model.variableCount);
    model.orderLow.forEach((low, order) => {
      this.#addTerm([low, model.orderHigh[order] ?? 0]);
    });
    model.pairFrom.forEach((from, pair) => {
      this.#addTerm([from, model.pairTo[pair] ?? 0]);
    });
    for (let variable = model.variableCount - 1; variable >= 0; variable--) this.#enqueue(variable);
  }

  /** The variable with the fewest neighbours; -1 when none is left. */
  next(): number {
    while (this.#lowest < this.#buckets.length) {
      const variable = this.#buckets[this.#lowest]?.pop();
      if (variable === undefined) this.#lowest++;
      else if (this.#done[variable] === 0 && this.#neighbours[variable]?.size === this.#lowest) return variable;
    }
    return -1;
  }

  eliminate(variable: number): EliminationStep {
    this.#done[variable] = 1;
    const scope = [...(this.#neighbours[variable] ?? [])].sort((a, b) => a - b);
    const terms = [...(this.#terms[variable] ?? [])].sort((a, b) => a - b);
    for (const term of terms) for (const member of this.#scopes[term] ?? []) this.#terms[member]?.delete(term);
    for (const neighbour of scope) this.#neighbours[neighbour]?.delete(variable);
    if (scope.length <= WIDEST) this.#addTerm(scope);
    for (const neighbour of scope) this.#enqueue(neighbour);
    return { variable, scope, terms };
  }

  #addTerm(scope: readonly number[]): void {
    const term = this.#scopes.push(scope) - 1;
    for (const member of scope) {
      this.#terms[member]?.add(term);
      for (const other of scope) if (other !== member) this.#neighbours[member]?.add(other);
    }
  }

  #enqueue(variable: number): void {
    const degree = this.#neighbours[variable]?.size ?? 0;
    while (this.#buckets.length <= degree) this.#buckets.push([]);
    this.#buckets[degree]?.push(variable);
    this.#lowest = Math.min(this.#lowest, degree);
  }
}
