import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { Assignment, Plan, Problem } from '../problem.ts';
import { bytesTable, computeTable } from './cost-tables.ts';

/** The items that {@link Ledger} adds up, where they are asked for. */
interface Items {
  readonly transferMs: number[];
  fixedMs: number;
  returnMs: number;
  readonly busyMs: number[];
  readonly upMs: number[];
  readonly downMs: number[];
}

/**
 * The account of one assignment: the only place where the cost rules of SPEC.md, section 3, are written. Opening it takes
 * time linear in the graph; moving one layer and asking for the new cost takes time in its neighbours and the tiers alone.
 */
export class Ledger {
  #problem: Problem;
  readonly #graph: PreparedGraph;
  readonly #tierCount: number;
  readonly #compute: Float64Array;
  readonly #bytes: Float64Array;
  readonly #tierOf: Uint8Array;
  /** Furthest reader's tier per tensor; the writer's own where nobody reads. */
  readonly #furthest: Uint8Array;
  /** Per tier: time and number of its layers. */
  readonly #computeMs: Float64Array;
  readonly #layers: Int32Array;
  /** Per hop: bytes that cross it upwards; bytes and number of the outputs written beyond it. */
  readonly #upBytes: Float64Array;
  readonly #downBytes: Float64Array;
  readonly #outputs: Int32Array;
  /** Written by each adding up: the hop between two stations, and the sums. */
  readonly #merged = { upBytesPerMs: 0, downBytesPerMs: 0, delayMs: 0 };
  #latencyMs = 0;
  #slowestStageMs = 0;

  constructor(problem: Problem, graph: PreparedGraph, tierOf: Assignment) {
    const tiers = problem.tiers.length;
    this.#problem = problem;
    this.#graph = graph;
    this.#tierCount = tiers;
    this.#compute = computeTable(problem);
    this.#bytes = bytesTable(problem);
    this.#tierOf = new Uint8Array(tierOf);
    this.#furthest = new Uint8Array(graph.tensorCount);
    this.#computeMs = new Float64Array(tiers);
    this.#layers = new Int32Array(tiers);
    this.#upBytes = new Float64Array(tiers);
    this.#downBytes = new Float64Array(tiers);
    this.#outputs = new Int32Array(tiers);
    for (let layer = 0; layer < graph.layerCount; layer++) this.#countLayer(layer, 1);
    for (let tensor = 0; tensor < graph.tensorCount; tensor++) {
      this.#furthest[tensor] = this.#furthestReader(tensor);
      this.#countTensor(tensor, 1);
    }
  }

  /** Tier of a layer. */
  tierOf(layer: number): number {
    return this.#tierOf[layer] ?? 0;
  }

  /** Whether one tier holds every layer. */
  isWhole(): boolean {
    return this.#layers.includes(this.#graph.layerCount);
  }

  /** The assignment as it stands: a copy. */
  assignment(): number[] {
    const tierOf = new Array<number>(this.#tierOf.length);
    for (let layer = 0; layer < tierOf.length; layer++) tierOf[layer] = this.#tierOf[layer] ?? 0;
    return tierOf;
  }

  /** Moves one layer. Nothing is checked; the assignment may be invalid in between. */
  move(layer: number, tier: number): void {
    if (this.#tierOf[layer] === tier) return;
    const { inputs, outputs } = this.#graph;
    const [firstOutput, endOutput] = [outputs.start[layer] ?? 0, outputs.start[layer + 1] ?? 0];
    for (let at = firstOutput; at < endOutput; at++) this.#countTensor(outputs.items[at] ?? 0, -1);
    this.#countLayer(layer, -1);
    this.#tierOf[layer] = tier;
    this.#countLayer(layer, 1);
    for (let at = firstOutput; at < endOutput; at++) {
      const tensor = outputs.items[at] ?? 0;
      this.#furthest[tensor] = this.#furthestReader(tensor);
      this.#countTensor(tensor, 1);
    }
    for (let at = inputs.start[layer] ?? 0; at < (inputs.start[layer + 1] ?? 0); at++) {
      const tensor = inputs.items[at] ?? 0;
      const furthest = this.#furthestReader(tensor);
      if (furthest === this.#furthest[tensor]) continue;
      this.#countTensor(tensor, -1);
      this.#furthest[tensor] = furthest;
      this.#countTensor(tensor, 1);
    }
  }

  /**
   * The same account under other links, objective or fixed costs: itself, at no cost.
   *
   * @param problem - with the very layers and tensors of the ledger's own
   */
  relinked(problem: Problem): this {
    this.#problem = problem;
    return this;
  }

  /** The figure that the problem's objective minimises. */
  objectiveMs(): number {
    this.#addUp(0, null);
    return this.#problem.objective === 'latency' ? this.#latencyMs : this.#slowestStageMs;
  }

  /** The plan as it stands; `boundMs` is 0. */
  plan(): Plan {
    const items = this.#items();
    this.#addUp(0, items);
    const { transferMs, fixedMs, returnMs } = items;
    return {
      tierOf: this.assignment(),
      latencyMs: this.#latencyMs,
      slowestStageMs: this.#slowestStageMs,
      boundMs: 0,
      breakdown: { computeMs: Array.from(this.#computeMs), transferMs, fixedMs, returnMs },
    };
  }

  /**
   * The cost over the given stations, even those between that hold no layer: what a labelling charges.
   *
   * @param stations - ascending, from the first tier on, among them every tier that holds a layer
   * @returns the latency, and the time each stage is busy per request: one per station, per hop between them up, per hop down
   */
  over(stations: readonly number[]): { readonly latencyMs: number; readonly stageMs: readonly number[] } {
    const items = this.#items();
    this.#addUp(
      stations.reduce((tiers, tier) => tiers | (1 << tier), 0),
      items,
    );
    return { latencyMs: this.#latencyMs, stageMs: [...items.busyMs, ...items.upMs, ...items.downMs] };
  }

  #items(): Items {
    return { transferMs: this.#problem.hops.map(() => 0), fixedMs: 0, returnMs: 0, busyMs: [], upMs: [], downMs: [] };
  }

  /**
   * Adds up over the stations: the first tier, those that hold layers, and `also` (bits), all but the last of which count as
   * used.
   */
  #addUp(also: number, items: Items | null): void {
    const merged = this.#merged;
    this.#latencyMs = 0;
    this.#slowestStageMs = 0;
    let from = 0;
    this.#addStation(0, also, items);
    for (let tier = 1; tier < this.#tierCount; tier++) {
      const hop = this.#problem.hops[tier - 1] ?? merged;
      const isFirst = from === tier - 1;
      merged.upBytesPerMs = isFirst ? hop.upBytesPerMs : Math.min(merged.upBytesPerMs, hop.upBytesPerMs);
      merged.downBytesPerMs = isFirst ? hop.downBytesPerMs : Math.min(merged.downBytesPerMs, hop.downBytesPerMs);
      merged.delayMs = isFirst ? hop.delayMs : merged.delayMs + hop.delayMs;
      if (this.#layers[tier] === 0 && ((also >> tier) & 1) === 0) continue;
      this.#addHop(from, tier, items);
      this.#addStation(tier, also, items);
      from = tier;
    }
  }

  #addHop(from: number, to: number, items: Items | null): void {
    const { upBytesPerMs, downBytesPerMs, delayMs } = this.#merged;
    const upMs = (this.#upBytes[from] ?? 0) / upBytesPerMs;
    const downMs = (this.#downBytes[from] ?? 0) / downBytesPerMs;
    const transferMs = upMs + (this.#furthestTier() >= to ? delayMs : 0);
    const returnMs = downMs + ((this.#outputs[from] ?? 0) > 0 ? delayMs : 0);
    this.#latencyMs += transferMs + returnMs;
    this.#slowestStageMs = Math.max(this.#slowestStageMs, upMs, downMs);
    if (items === null) return;
    items.transferMs[from] = transferMs;
    items.returnMs += returnMs;
    items.upMs.push(upMs);
    items.downMs.push(downMs);
  }

  #addStation(tier: number, also: number, items: Items | null): void {
    const isUsed = (this.#layers[tier] ?? 0) > 0 || (tier > 0 && also >> (tier + 1) > 0);
    const fixedMs = isUsed ? (this.#problem.tierFixedMs[tier] ?? 0) : 0;
    const ownMs = (this.#computeMs[tier] ?? 0) + fixedMs;
    const busyMs = ownMs / (this.#problem.concurrency[tier] ?? 1);
    this.#latencyMs += ownMs;
    this.#slowestStageMs = Math.max(this.#slowestStageMs, busyMs);
    if (items === null) return;
    items.fixedMs += fixedMs;
    items.busyMs.push(busyMs);
  }

  #furthestTier(): number {
    let tier = this.#tierCount - 1;
    while (tier > 0 && this.#layers[tier] === 0) tier--;
    return tier;
  }

  #furthestReader(tensor: number): number {
    const { start, items } = this.#graph.readers;
    let furthest = this.#writerTier(tensor);
    for (let at = start[tensor] ?? 0; at < (start[tensor + 1] ?? 0); at++) {
      const tier = this.#tierOf[items[at] ?? 0] ?? 0;
      if (tier > furthest) furthest = tier;
    }
    return furthest;
  }

  #writerTier(tensor: number): number {
    const producer = this.#graph.producerOf[tensor] ?? -1;
    return producer < 0 ? 0 : (this.#tierOf[producer] ?? 0);
  }

  #countLayer(layer: number, sign: 1 | -1): void {
    const tier = this.#tierOf[layer] ?? 0;
    const layers = (this.#layers[tier] ?? 0) + sign;
    this.#layers[tier] = layers;
    const ms = (this.#computeMs[tier] ?? 0) + sign * (this.#compute[layer * this.#tierCount + tier] ?? 0);
    this.#computeMs[tier] = layers === 0 ? 0 : ms;
  }

  #countTensor(tensor: number, sign: 1 | -1): void {
    const from = this.#writerTier(tensor);
    const to = this.#furthest[tensor] ?? 0;
    const row = tensor * this.#tierCount;
    for (let hop = from; hop < to; hop++) {
      this.#upBytes[hop] = (this.#upBytes[hop] ?? 0) + sign * (this.#bytes[row + hop] ?? 0);
    }
    const backBytes = this.#bytes[row + this.#tierCount - 1] ?? 0;
    if (backBytes < 0) return;
    for (let hop = 0; hop < from; hop++) {
      this.#downBytes[hop] = (this.#downBytes[hop] ?? 0) + sign * backBytes;
      this.#outputs[hop] = (this.#outputs[hop] ?? 0) + sign;
    }
  }
}
