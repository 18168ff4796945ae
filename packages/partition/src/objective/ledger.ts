import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { Assignment, Breakdown, Plan, Problem } from '../problem.ts';
import { type MergedHop, mergeHops } from './merge-hops.ts';

/** An assignment's cost over given stations. */
export interface StationCosts {
  readonly breakdown: Breakdown;
  /** Time each stage is busy per request: one per station, one per hop between stations up, one per hop down. */
  readonly stageMs: readonly number[];
}

/**
 * The account of one assignment: the only place where the cost rules of SPEC.md, section 3, are written. Opening it takes
 * time linear in the graph; moving one layer and asking for the new cost takes time in its neighbours and the tiers alone.
 */
export class Ledger {
  #problem: Problem;
  readonly #graph: PreparedGraph;
  readonly #tierCount: number;
  readonly #tierOf: Int32Array;
  /** Furthest reader's tier per tensor; the writer's own where nobody reads. */
  readonly #furthest: Int32Array;
  readonly #computeMs: Float64Array;
  readonly #layers: Int32Array;
  /** Coded bytes by `(from * tiers + to) * tiers + hop`, of the tensors written on `from` whose furthest reader is on `to`. */
  readonly #bytes: Float64Array;
  /** Output bytes and output tensors per writer's tier. */
  readonly #outputBytes: Float64Array;
  readonly #outputs: Int32Array;
  readonly #merged = new Map<number, readonly MergedHop[]>();

  constructor(problem: Problem, graph: PreparedGraph, tierOf: Assignment) {
    const tiers = problem.tiers.length;
    this.#problem = problem;
    this.#graph = graph;
    this.#tierCount = tiers;
    this.#tierOf = Int32Array.from(tierOf);
    this.#furthest = new Int32Array(graph.tensorCount);
    this.#computeMs = new Float64Array(tiers);
    this.#layers = new Int32Array(tiers);
    this.#bytes = new Float64Array(tiers * tiers * tiers);
    this.#outputBytes = new Float64Array(tiers);
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

  /** Number of layers on a tier. */
  layersOn(tier: number): number {
    return this.#layers[tier] ?? 0;
  }

  /** Whether one tier holds every layer. */
  isWhole(): boolean {
    return this.#layers.includes(this.#graph.layerCount);
  }

  /** The assignment as it stands: a copy. */
  assignment(): number[] {
    const tierOf = new Array<number>(this.#graph.layerCount);
    for (let layer = 0; layer < tierOf.length; layer++) tierOf[layer] = this.#tierOf[layer] ?? 0;
    return tierOf;
  }

  /** Moves one layer. Nothing is checked; the assignment may be invalid in between. */
  move(layer: number, tier: number): void {
    if (this.#tierOf[layer] === tier) return;
    const { inputs, outputs } = this.#graph;
    for (let at = outputs.start[layer] ?? 0; at < (outputs.start[layer + 1] ?? 0); at++) {
      this.#countTensor(outputs.items[at] ?? 0, -1);
    }
    this.#countLayer(layer, -1);
    this.#tierOf[layer] = tier;
    this.#countLayer(layer, 1);
    for (let at = outputs.start[layer] ?? 0; at < (outputs.start[layer + 1] ?? 0); at++) {
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
    this.#merged.clear();
    return this;
  }

  /** The figure that the problem's objective minimises. */
  objectiveMs(): number {
    return this.#problem.objective === 'latency' ? this.#latencyMs() : this.#slowestStageMs();
  }

  /** The plan as it stands; `boundMs` is 0. */
  plan(): Plan {
    const { breakdown, stageMs } = this.over(this.#stations());
    const { computeMs, transferMs, fixedMs, returnMs } = breakdown;
    const latencyMs = sum(computeMs) + sum(transferMs) + fixedMs + returnMs;
    return { tierOf: this.assignment(), latencyMs, slowestStageMs: Math.max(...stageMs), boundMs: 0, breakdown };
  }

  /**
   * The cost over the given stations, even those between that hold no layer: what a labelling charges.
   *
   * @param stations - ascending, from the first tier on, among them every tier that holds a layer
   */
  over(stations: readonly number[]): StationCosts {
    const hops = mergeHops(this.#problem.hops, stations);
    const furthest = this.#last(this.#layers);
    const furthestOutput = this.#last(this.#outputs);
    const transferMs = this.#problem.hops.map(() => 0);
    let returnMs = 0;
    const up = hops.map((hop) => this.#upBytes(hop.first) / hop.upBytesPerMs);
    const down = hops.map((hop) => this.#downBytes(hop.first) / hop.downBytesPerMs);
    hops.forEach((hop, index) => {
      if (furthest > hop.first) transferMs[hop.first] = hop.delayMs + (up[index] ?? 0);
      if (furthestOutput > hop.first) returnMs += hop.delayMs + (down[index] ?? 0);
    });
    const middle = stations.slice(1, -1);
    const fixed = this.#problem.tierFixedMs.map((ms, tier) =>
      this.layersOn(tier) > 0 || middle.includes(tier) ? ms : 0,
    );
    const busy = stations.map((tier) => ((this.#computeMs[tier] ?? 0) + (fixed[tier] ?? 0)) / this.#concurrency(tier));
    const breakdown = { computeMs: Array.from(this.#computeMs), transferMs, fixedMs: sum(fixed), returnMs };
    return { breakdown, stageMs: [...busy, ...up, ...down] };
  }

  #latencyMs(): number {
    const furthest = this.#last(this.#layers);
    const furthestOutput = this.#last(this.#outputs);
    let total = 0;
    for (let tier = 0; tier < this.#tierCount; tier++) {
      total += this.#computeMs[tier] ?? 0;
      if ((this.#layers[tier] ?? 0) > 0) total += this.#problem.tierFixedMs[tier] ?? 0;
    }
    for (const hop of this.#hops()) {
      if (furthest > hop.first) total += hop.delayMs + this.#upBytes(hop.first) / hop.upBytesPerMs;
      if (furthestOutput > hop.first) total += hop.delayMs + this.#downBytes(hop.first) / hop.downBytesPerMs;
    }
    return total;
  }

  #slowestStageMs(): number {
    let slowest = 0;
    for (let tier = 0; tier < this.#tierCount; tier++) {
      if ((this.#layers[tier] ?? 0) === 0) continue;
      const busy = (this.#computeMs[tier] ?? 0) + (this.#problem.tierFixedMs[tier] ?? 0);
      slowest = Math.max(slowest, busy / this.#concurrency(tier));
    }
    for (const hop of this.#hops()) {
      slowest = Math.max(slowest, this.#upBytes(hop.first) / hop.upBytesPerMs);
      slowest = Math.max(slowest, this.#downBytes(hop.first) / hop.downBytesPerMs);
    }
    return slowest;
  }

  #concurrency(tier: number): number {
    return this.#problem.concurrency[tier] ?? 1;
  }

  #stations(): number[] {
    return this.#problem.tiers.flatMap((_, tier) => (tier === 0 || this.layersOn(tier) > 0 ? [tier] : []));
  }

  /** The merged hops for the tiers in use, remembered per set of tiers. */
  #hops(): readonly MergedHop[] {
    let used = 1;
    for (let tier = 1; tier < this.#tierCount; tier++) if ((this.#layers[tier] ?? 0) > 0) used |= 1 << tier;
    let hops = this.#merged.get(used);
    if (hops === undefined) {
      hops = mergeHops(this.#problem.hops, this.#stations());
      this.#merged.set(used, hops);
    }
    return hops;
  }

  #last(counts: Int32Array): number {
    for (let tier = this.#tierCount - 1; tier > 0; tier--) if ((counts[tier] ?? 0) > 0) return tier;
    return 0;
  }

  /** Bytes that leave `station` upwards: of tensors written there or nearer and read beyond. */
  #upBytes(station: number): number {
    const tiers = this.#tierCount;
    let bytes = 0;
    for (let from = 0; from <= station; from++) {
      for (let to = station + 1; to < tiers; to++) bytes += this.#bytes[(from * tiers + to) * tiers + station] ?? 0;
    }
    return bytes;
  }

  #downBytes(station: number): number {
    let bytes = 0;
    for (let from = station + 1; from < this.#tierCount; from++) bytes += this.#outputBytes[from] ?? 0;
    return bytes;
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
    const ms = (this.#computeMs[tier] ?? 0) + sign * (this.#problem.layers[layer]?.computeMs[tier] ?? 0);
    this.#computeMs[tier] = layers === 0 ? 0 : ms;
  }

  #countTensor(tensor: number, sign: 1 | -1): void {
    const from = this.#writerTier(tensor);
    const to = this.#furthest[tensor] ?? 0;
    const { isOutput, bytes, codedBytes } = this.#problem.tensors[tensor] ?? nothing;
    for (let hop = from; hop < to; hop++) {
      const at = (from * this.#tierCount + to) * this.#tierCount + hop;
      this.#bytes[at] = (this.#bytes[at] ?? 0) + sign * (codedBytes[hop] ?? 0);
    }
    if (!isOutput) return;
    this.#outputs[from] = (this.#outputs[from] ?? 0) + sign;
    this.#outputBytes[from] = (this.#outputBytes[from] ?? 0) + sign * bytes;
  }
}

const nothing = { isOutput: false, bytes: 0, codedBytes: [] as readonly number[] } as const;

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
