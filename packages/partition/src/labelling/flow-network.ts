/** Residuals below this share of the largest capacity are rounding. */
const ROUNDING = 1e-14;

/**
 * A flow network with implicit source and sink, and its minimum cut by waves of pushes: a preflow (Goldberg and Tarjan,
 * J. ACM 1988) with exact distances before each wave. What finds no shortest way on stays where it is for the next wave,
 * when the ways are longer. Along a chain one wave moves everything, so time grows about linearly with narrow graphs.
 */
export class FlowNetwork {
  /** Positive: what came from the source and waits here. Negative: what may still leave to the sink. */
  readonly #excess: Float64Array;
  /** Arcs of a node as a linked list. Arc `a` and its opposite `a ^ 1` are neighbours. */
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  readonly #to: Int32Array;
  readonly #residual: Float64Array;
  #arcCount = 0;
  #rounding = 0;
  /** One more than the arcs to walk; 0 when there is no way. */
  readonly #distance: Int32Array;
  readonly #queue: Int32Array;

  /** @param arcCount - upper bound of {@link addArc} calls */
  constructor(nodeCount: number, arcCount: number) {
    this.#excess = new Float64Array(nodeCount);
    this.#first = new Int32Array(nodeCount).fill(-1);
    this.#next = new Int32Array(2 * arcCount);
    this.#to = new Int32Array(2 * arcCount);
    this.#residual = new Float64Array(2 * arcCount);
    this.#distance = new Int32Array(nodeCount);
    this.#queue = new Int32Array(nodeCount);
  }

  /** An arc from the source (positive) or to the sink (negative). */
  addTerminal(node: number, capacity: number): void {
    this.#excess[node] = (this.#excess[node] ?? 0) + capacity;
    this.#rounding = Math.max(this.#rounding, ROUNDING * Math.abs(capacity));
  }

  /** An arc and the one back. */
  addArc(from: number, to: number, { capacity, back }: { capacity: number; back: number }): void {
    this.#addHalf(from, to, capacity);
    this.#addHalf(to, from, back);
  }

  /** Sends as much as it can, once. Returns 1 for every node on the source's side of the smallest minimum cut, else 0. */
  sourceSide(): Int32Array {
    while (this.#push(this.#measure(-1))) {}
    this.#measure(1);
    return this.#distance.map((distance) => Math.min(distance, 1));
  }

  #addHalf(from: number, to: number, capacity: number): void {
    const arc = this.#arcCount++;
    this.#to[arc] = to;
    this.#residual[arc] = capacity;
    this.#next[arc] = this.#first[from] ?? -1;
    this.#first[from] = arc;
  }

  /**
   * Distances from the nodes with an excess (`sign` 1), or to those with a deficit (-1).
   *
   * @returns how many nodes have one; they are queued, nearest first
   */
  #measure(sign: 1 | -1): number {
    const distance = this.#distance.fill(0);
    const backwards = sign > 0 ? 0 : 1;
    let end = 0;
    for (let node = 0; node < distance.length; node++) {
      if (sign * (this.#excess[node] ?? 0) <= this.#rounding) continue;
      distance[node] = 1;
      this.#queue[end++] = node;
    }
    for (let at = 0; at < end; at++) {
      const node = this.#queue[at] ?? 0;
      for (let arc = this.#first[node] ?? -1; arc >= 0; arc = this.#next[arc] ?? -1) {
        const to = this.#to[arc] ?? 0;
        if (distance[to] !== 0 || (this.#residual[arc ^ backwards] ?? 0) <= this.#rounding) continue;
        distance[to] = (distance[node] ?? 0) + 1;
        this.#queue[end++] = to;
      }
    }
    return end;
  }

  /** One wave, from the furthest of the queued nodes to the nearest. Returns whether anything moved. */
  #push(queued: number): boolean {
    let moved = false;
    for (let at = queued - 1; at >= 0; at--) {
      const node = this.#queue[at] ?? 0;
      const excess = this.#excess[node] ?? 0;
      if (this.#distance[node] === 1 || excess <= this.#rounding) continue;
      const left = this.#pass(node, excess);
      this.#excess[node] = left;
      moved ||= left < excess;
    }
    return moved;
  }

  /** Passes an excess on to nodes that are nearer. Returns what is left of it. */
  #pass(node: number, excess: number): number {
    const nearer = (this.#distance[node] ?? 0) - 1;
    let left = excess;
    for (let arc = this.#first[node] ?? -1; arc >= 0 && left > 0; arc = this.#next[arc] ?? -1) {
      const to = this.#to[arc] ?? 0;
      const flow = Math.min(left, this.#residual[arc] ?? 0);
      if (this.#distance[to] !== nearer || flow <= this.#rounding) continue;
      this.#residual[arc] = (this.#residual[arc] ?? 0) - flow;
      this.#residual[arc ^ 1] = (this.#residual[arc ^ 1] ?? 0) + flow;
      this.#excess[to] = (this.#excess[to] ?? 0) + flow;
      left -= flow;
    }
    return left;
  }
}
