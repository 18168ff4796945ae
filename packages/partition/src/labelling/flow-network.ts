/** Residuals below this share of the largest capacity are rounding. */
const ROUNDING = 1e-14;

/**
 * A flow network with implicit source and sink, and its maximum flow (Dinic, Soviet Math. Doklady 1970): breadth-first
 * levels, then depth-first blocking flows. Excess and deficit of a node stand for its arcs from the source and to the sink.
 */
export class FlowNetwork {
  readonly #nodeCount: number;
  /** Positive: what the source can still send into a node. Negative: what it can still send to the sink. */
  readonly #excess: Float64Array;
  readonly #head: Int32Array;
  readonly #next: Int32Array;
  readonly #to: Int32Array;
  readonly #capacity: Float64Array;
  #arcCount = 0;
  #largest = 0;
  readonly #level: Int32Array;
  readonly #queue: Int32Array;
  readonly #at: Int32Array;
  readonly #path: Int32Array;

  /** @param arcCount - upper bound of {@link addArc} calls */
  constructor(nodeCount: number, arcCount: number) {
    this.#nodeCount = nodeCount;
    this.#excess = new Float64Array(nodeCount);
    this.#head = new Int32Array(nodeCount).fill(-1);
    this.#next = new Int32Array(2 * arcCount);
    this.#to = new Int32Array(2 * arcCount);
    this.#capacity = new Float64Array(2 * arcCount);
    this.#level = new Int32Array(nodeCount);
    this.#queue = new Int32Array(nodeCount);
    this.#at = new Int32Array(nodeCount);
    this.#path = new Int32Array(nodeCount + 1);
  }

  /** An arc from the source (positive) or to the sink (negative). */
  addTerminal(node: number, capacity: number): void {
    this.#excess[node] = (this.#excess[node] ?? 0) + capacity;
    this.#largest = Math.max(this.#largest, Math.abs(capacity));
  }

  /** An arc and the one back. */
  addArc(from: number, to: number, { capacity, back }: { capacity: number; back: number }): void {
    const arc = this.#arcCount;
    this.#arcCount += 2;
    this.#to[arc] = to;
    this.#capacity[arc] = capacity;
    this.#next[arc] = this.#head[from] ?? -1;
    this.#head[from] = arc;
    this.#to[arc + 1] = from;
    this.#capacity[arc + 1] = back;
    this.#next[arc + 1] = this.#head[to] ?? -1;
    this.#head[to] = arc + 1;
  }

  /** Sends as much as it can, once. Returns 1 for every node on the source's side of the smallest minimum cut. */
  sourceSide(): Uint8Array {
    const rounding = ROUNDING * this.#largest;
    while (this.#findLevels(rounding)) {
      this.#at.set(this.#head);
      for (let node = 0; node < this.#nodeCount; node++) {
        while ((this.#excess[node] ?? 0) > rounding && this.#level[node] === 0 && this.#augment(node, rounding)) {}
      }
    }
    return Uint8Array.from(this.#level, (level) => (level >= 0 ? 1 : 0));
  }

  /** Distances from the source. Returns whether a node with a deficit is within reach. */
  #findLevels(rounding: number): boolean {
    const { fill } = this.#seed(rounding);
    let end = fill;
    let reaches = false;
    for (let at = 0; at < end; at++) {
      const node = this.#queue[at] ?? 0;
      if ((this.#excess[node] ?? 0) < -rounding) reaches = true;
      for (let arc = this.#head[node] ?? -1; arc >= 0; arc = this.#next[arc] ?? -1) {
        const to = this.#to[arc] ?? 0;
        if ((this.#capacity[arc] ?? 0) > rounding && this.#level[to] === -1) {
          this.#level[to] = (this.#level[node] ?? 0) + 1;
          this.#queue[end++] = to;
        }
      }
    }
    return reaches;
  }

  #seed(rounding: number): { fill: number } {
    let fill = 0;
    for (let node = 0; node < this.#nodeCount; node++) {
      const excess = (this.#excess[node] ?? 0) > rounding;
      this.#level[node] = excess ? 0 : -1;
      if (excess) this.#queue[fill++] = node;
    }
    return { fill };
  }

  /** Sends flow along one shortest path from a node with excess. Returns whether there was one. */
  #augment(source: number, rounding: number): boolean {
    let length = 0;
    let node = source;
    for (;;) {
      if ((this.#excess[node] ?? 0) < -rounding) {
        this.#send(source, node, length);
        return true;
      }
      const arc = this.#advance(node, rounding);
      if (arc >= 0) {
        this.#path[length++] = arc;
        node = this.#to[arc] ?? 0;
      } else {
        this.#level[node] = -2;
        if (length === 0) return false;
        const last = this.#path[--length] ?? 0;
        node = this.#to[last ^ 1] ?? 0;
      }
    }
  }

  /** The node's next arc that leads one level on, or -1. */
  #advance(node: number, rounding: number): number {
    const level = (this.#level[node] ?? 0) + 1;
    let arc = this.#at[node] ?? -1;
    while (arc >= 0 && !((this.#capacity[arc] ?? 0) > rounding && this.#level[this.#to[arc] ?? 0] === level)) {
      arc = this.#next[arc] ?? -1;
    }
    this.#at[node] = arc;
    return arc;
  }

  #send(source: number, sink: number, length: number): void {
    let flow = Math.min(this.#excess[source] ?? 0, -(this.#excess[sink] ?? 0));
    for (let at = 0; at < length; at++) flow = Math.min(flow, this.#capacity[this.#path[at] ?? 0] ?? 0);
    for (let at = 0; at < length; at++) {
      const arc = this.#path[at] ?? 0;
      this.#capacity[arc] = (this.#capacity[arc] ?? 0) - flow;
      this.#capacity[arc ^ 1] = (this.#capacity[arc ^ 1] ?? 0) + flow;
    }
    this.#excess[source] = (this.#excess[source] ?? 0) - flow;
    this.#excess[sink] = (this.#excess[sink] ?? 0) + flow;
  }
}
