import type { Lists, PreparedGraph } from '../graph/prepare-graph.ts';
import type { Ledger } from '../objective/ledger.ts';

/** More layers than this do not shift together. */
const TOGETHER = 24;
const PASSES = 6;
/** An improvement smaller than this share is rounding. */
const GAIN = 1e-12;

/** What shifting may do. */
export interface ShiftScope {
  readonly graph: PreparedGraph;
  readonly masks: Int32Array;
  /** Tiers that layers may be moved to, ascending. */
  readonly tiers: readonly number[];
  /** What is to become less. */
  readonly cost: (ledger: Ledger) => number;
  /** Whether to look at borders only, or to open new ones as well. */
  readonly bordersOnly: boolean;
  /** Whether any other layer may be exchanged for one that shifts: dear, and what caps and streams need. */
  readonly exchanges?: boolean;
}

/**
 * HPA's second pass: moves a layer to the next tier, with the few that must follow (what reads it, or what it reads), while
 * that helps; and siblings, all that read a tensor, together, since they pay for it together.
 *
 * @returns number of layers looked at
 */
export function shiftLayers(ledger: Ledger, scope: ShiftScope): number {
  if (scope.bordersOnly && ledger.isWhole()) return 0;
  const shift = new Shift(ledger, scope);
  for (let pass = 0; pass < PASSES && shift.pass(); pass++);
  return shift.looked;
}

class Shift {
  readonly #ledger: Ledger;
  readonly #scope: ShiftScope;
  /** Layers moved so far, each with the tier that it left. */
  readonly #moved: number[] = [];
  #bestMs: number;
  looked = 0;

  constructor(ledger: Ledger, scope: ShiftScope) {
    this.#ledger = ledger;
    this.#scope = scope;
    this.#bestMs = scope.cost(ledger);
  }

  /** Tries every shift once. Returns whether some helped. */
  pass(): boolean {
    const { graph, bordersOnly, exchanges } = this.#scope;
    const beforeMs = this.#bestMs;
    const every = exchanges ? Array.from(graph.weights.start.subarray(1).keys()) : [];
    for (let layer = 0; layer < graph.layerCount; layer++) {
      if (bordersOnly && !this.#isBorder(layer)) continue;
      this.looked++;
      for (const direction of [1, -1] as const) {
        this.#try([layer], direction);
        if (exchanges) this.#tryAround([layer], direction, every);
      }
    }
    const { start, items } = graph.readers;
    for (let tensor = 0; tensor < graph.tensorCount; tensor++) {
      const from = start[tensor] ?? 0;
      const to = start[tensor + 1] ?? 0;
      if (to - from < 2 || (bordersOnly && !this.#isBorder(items[from] ?? 0))) continue;
      const readers = Array.from(items.subarray(from, to));
      this.looked += readers.length;
      this.#tryAround(readers, 1);
      this.#tryAround(readers, -1);
    }
    return this.#bestMs < beforeMs * (1 - GAIN);
  }

  #isBorder(layer: number): boolean {
    const { predecessors, successors } = this.#scope.graph;
    return this.#differs(layer, successors) || this.#differs(layer, predecessors);
  }

  #differs(layer: number, { start, items }: Lists): boolean {
    const own = this.#ledger.tierOf(layer);
    const end = start[layer + 1] ?? 0;
    for (let at = start[layer] ?? 0; at < end; at++) if (this.#ledger.tierOf(items[at] ?? 0) !== own) return true;
    return false;
  }

  /** Shifts some layers if that helps. */
  #try(seeds: readonly number[], direction: 1 | -1): void {
    const mark = this.#moved.length;
    if (this.#shift(seeds, direction).length > 0) this.#keep(mark, this.#bestMs);
  }

  /** Shifts some layers, then lets each that came along (or `others`) go the other way if that is better now. */
  #tryAround(seeds: readonly number[], direction: 1 | -1, others?: readonly number[]): void {
    const mark = this.#moved.length;
    const beforeMs = this.#bestMs;
    const together = this.#shift(seeds, direction);
    if (together.length === 0) return;
    this.#bestMs = this.#scope.cost(this.#ledger);
    for (const member of others ?? together) this.#try([member], direction === 1 ? -1 : 1);
    this.#keep(mark, beforeMs);
  }

  /** Takes back what was moved since a mark, unless the cost is less than it was. */
  #keep(mark: number, beforeMs: number): void {
    const ms = this.#scope.cost(this.#ledger);
    if (ms < beforeMs * (1 - GAIN)) {
      this.#bestMs = ms;
      return;
    }
    this.#bestMs = beforeMs;
    while (this.#moved.length > mark) {
      const tier = this.#moved.pop() ?? 0;
      this.#ledger.move(this.#moved.pop() ?? 0, tier);
    }
  }

  /**
   * Moves some layers to the next tier, with all that must come along. Returns what moved: nothing when it would be too much
   * or when a layer may not lie there.
   */
  #shift(seeds: readonly number[], direction: 1 | -1): readonly number[] {
    const { graph, masks, tiers } = this.#scope;
    const own = seeds.map((seed) => this.#ledger.tierOf(seed));
    const tier = tiers[tiers.indexOf(direction === 1 ? Math.min(...own) : Math.max(...own)) + direction];
    if (tier === undefined) return [];
    const { start, items } = direction === 1 ? graph.successors : graph.predecessors;
    const behind = (layer: number) => (tier - this.#ledger.tierOf(layer)) * direction > 0;
    const together = seeds.filter(behind);
    for (let index = 0; index < together.length; index++) {
      const member = together[index] ?? 0;
      if (((masks[member] ?? 0) & (1 << tier)) === 0 || together.length > TOGETHER) return [];
      for (let at = start[member] ?? 0; at < (start[member + 1] ?? 0); at++) {
        const next = items[at] ?? 0;
        if (behind(next) && !together.includes(next)) together.push(next);
      }
    }
    for (const member of together) {
      this.#moved.push(member, this.#ledger.tierOf(member));
      this.#ledger.move(member, tier);
    }
    return together;
  }
}
