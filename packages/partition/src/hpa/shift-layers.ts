import type { PreparedGraph } from '../graph/prepare-graph.ts';
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
}

/**
 * HPA's second pass: moves a layer to the next tier, with the few that must follow (what reads it, or what it reads), while
 * that helps; and siblings, all that read a tensor, together, since they pay for it together.
 *
 * @returns number of layers looked at
 */
export function shiftLayers(ledger: Ledger, scope: ShiftScope): number {
  const shift = new Shift(ledger, scope);
  for (let pass = 0; pass < PASSES && shift.pass(); pass++);
  return shift.looked;
}

class Shift {
  readonly #ledger: Ledger;
  readonly #scope: ShiftScope;
  #bestMs: number;
  looked = 0;

  constructor(ledger: Ledger, scope: ShiftScope) {
    this.#ledger = ledger;
    this.#scope = scope;
    this.#bestMs = scope.cost(ledger);
  }

  /** Tries every shift once. Returns whether some helped. */
  pass(): boolean {
    const { graph, bordersOnly } = this.#scope;
    const beforeMs = this.#bestMs;
    for (let layer = 0; layer < graph.layerCount; layer++) {
      if (bordersOnly && !this.#isBorder(layer)) continue;
      this.looked++;
      this.#try(Int32Array.of(layer), 1);
      this.#try(Int32Array.of(layer), -1);
    }
    const { start, items } = graph.readers;
    for (let tensor = 0; tensor < graph.tensorCount; tensor++) {
      const readers = items.subarray(start[tensor], start[tensor + 1]);
      if (readers.length < 2 || (bordersOnly && !readers.some((reader) => this.#isBorder(reader)))) continue;
      this.#try(readers, 1);
      this.#try(readers, -1);
    }
    return this.#bestMs < beforeMs * (1 - GAIN);
  }

  #isBorder(layer: number): boolean {
    const own = this.#ledger.tierOf(layer);
    for (const { start, items } of [this.#scope.graph.predecessors, this.#scope.graph.successors]) {
      for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++) {
        if (this.#ledger.tierOf(items[at] ?? 0) !== own) return true;
      }
    }
    return false;
  }

  #try(seeds: Int32Array, direction: 1 | -1): void {
    const { tiers, cost } = this.#scope;
    const own = Array.from(seeds, (seed) => this.#ledger.tierOf(seed));
    const from = direction === 1 ? Math.min(...own) : Math.max(...own);
    const tier = tiers[tiers.indexOf(from) + direction];
    if (tier === undefined) return;
    const together = this.#closure(seeds, tier, direction);
    const before = together.map((member) => this.#ledger.tierOf(member));
    for (const member of together) this.#ledger.move(member, tier);
    const ms = together.length === 0 ? this.#bestMs : cost(this.#ledger);
    if (ms < this.#bestMs * (1 - GAIN)) this.#bestMs = ms;
    else for (const [index, member] of together.entries()) this.#ledger.move(member, before[index] ?? 0);
  }

  /** Some layers and all that must come along to a tier; none when they are too many or one may not lie there. */
  #closure(seeds: Int32Array, tier: number, direction: 1 | -1): number[] {
    const { graph, masks } = this.#scope;
    const { start, items } = direction === 1 ? graph.successors : graph.predecessors;
    const behind = (layer: number) => (tier - this.#ledger.tierOf(layer)) * direction > 0;
    const together = Array.from(seeds).filter(behind);
    for (let index = 0; index < together.length; index++) {
      const member = together[index] ?? 0;
      if (((masks[member] ?? 0) & (1 << tier)) === 0 || together.length > TOGETHER) return [];
      for (let at = start[member] ?? 0; at < (start[member + 1] ?? 0); at++) {
        const next = items[at] ?? 0;
        if (behind(next) && !together.includes(next)) together.push(next);
      }
    }
    return together;
  }
}
