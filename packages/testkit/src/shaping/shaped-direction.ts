import type { Random } from '../graphs/random.ts';
import { fillShape, type LinkShape } from './link-shape.ts';
import { SEGMENT_BYTES, type ShapedFlow } from './shaped-flow.ts';

/** Longest a piece occupies the link, so that rates can change and flows can share. */
const PIECE_MS = 0.5;
const MAX_PIECE_BYTES = 1 << 16;

/**
 * One direction of a link that several connections share: a queueing model in virtual time. Late timers do not slow it, since
 * departures are computed from when a piece could start, not from when somebody looked.
 */
export class ShapedDirection {
  readonly #random: Random;
  readonly #flows = new Set<ShapedFlow>();
  #shape: Required<LinkShape>;
  #freeMs = 0;
  /** Whose piece was under way when the rate changed, and how much of it had crossed. */
  #partial: { readonly flow: ShapedFlow; readonly byteCount: number } | undefined;
  #frozen = false;
  /** Round trip of the link: what acknowledgements take. */
  roundTripMs = 0;

  constructor(shape: LinkShape, random: Random) {
    this.#shape = fillShape(shape);
    this.#random = random;
  }

  get shape(): Required<LinkShape> {
    return this.#shape;
  }

  add(flow: ShapedFlow): void {
    this.#flows.add(flow);
  }

  remove(flow: ShapedFlow): void {
    this.#flows.delete(flow);
    if (this.#partial?.flow === flow) this.#partial = undefined;
  }

  /** Takes bytes of a flow's sender. */
  push(flow: ShapedFlow, bytes: Uint8Array, nowMs: number): void {
    this.advance(nowMs);
    flow.push(bytes, nowMs, this.#shape.bufferBytes);
  }

  /** Changes the shape from now on: what has crossed half stays half crossed, what is on its way arrives as it was sent. */
  reshape(shape: LinkShape, nowMs: number): void {
    const next = fillShape(shape, this.#shape);
    this.advance(nowMs);
    this.#keepProgress(nowMs);
    this.#shape = next;
  }

  /** Stops time: nothing starts or arrives. */
  freeze(nowMs: number): void {
    this.advance(nowMs);
    this.#keepProgress(nowMs);
    this.#frozen = true;
  }

  /** Lets time go on; what was under way arrives at once, as if sent again. */
  thaw(nowMs: number): void {
    this.#frozen = false;
    this.#freeMs = Math.max(this.#freeMs, nowMs);
  }

  /**
   * Lets everything happen that was due by `nowMs`.
   *
   * @returns when something is due next; `Infinity` if nothing is
   */
  advance(nowMs: number): number {
    if (this.#frozen) return Number.POSITIVE_INFINITY;
    let nextMs = this.#step(nowMs);
    while (nextMs <= nowMs) nextMs = this.#step(nowMs);
    for (const flow of this.#flows) {
      flow.deliverUntil(nowMs, this.#shape.bufferBytes);
      if (!flow.ends.blocked) nextMs = Math.min(nextMs, flow.arrivalMs);
    }
    return nextMs;
  }

  /** Does the next thing if it is due, and says when it was or will be due. */
  #step(nowMs: number): number {
    const { slowStart } = this.#shape;
    const acked = earliest(this.#flows, (flow) => flow.ackMs);
    const next = this.#next();
    const startMs = next === undefined ? Number.POSITIVE_INFINITY : this.#startMs(next);
    if (acked !== undefined && acked.ackMs <= startMs) {
      const atMs = acked.ackMs;
      if (atMs <= nowMs) acked.acknowledge();
      return atMs;
    }
    if (next === undefined || startMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    const { bytesPerMs } = this.#shape;
    const most = Math.min(MAX_PIECE_BYTES, Math.max(SEGMENT_BYTES, bytesPerMs * PIECE_MS));
    const byteCount = next.nextBytes(most, slowStart);
    const left = Math.max(0, byteCount - (this.#partial?.byteCount ?? 0));
    const departMs = startMs + (left === 0 ? 0 : left / bytesPerMs);
    if (departMs <= nowMs) this.#send(next, byteCount, departMs);
    return departMs;
  }

  #send(flow: ShapedFlow, byteCount: number, departMs: number): void {
    const { delayMs, jitterMs } = this.#shape;
    const lateMs = jitterMs === 0 ? 0 : this.#random.between(0, jitterMs);
    this.#partial = undefined;
    this.#freeMs = departMs;
    flow.depart(byteCount, {
      departMs,
      arrivalMs: departMs + delayMs + lateMs,
      ackMs: departMs + this.roundTripMs,
    });
  }

  /** Whose turn it is: the flow whose piece is half across, else the one that can start first, else the one that waited longest. */
  #next(): ShapedFlow | undefined {
    const begun = this.#partial?.flow;
    if (begun !== undefined && this.#startMs(begun) < Number.POSITIVE_INFINITY) return begun;
    return earliest(
      this.#flows,
      (flow) => this.#startMs(flow),
      (flow) => flow.servedMs,
    );
  }

  #startMs(flow: ShapedFlow): number {
    return Math.max(this.#freeMs, flow.readyMs(this.#shape.slowStart));
  }

  #keepProgress(nowMs: number): void {
    const flow = this.#next();
    const startMs = flow === undefined ? Number.POSITIVE_INFINITY : this.#startMs(flow);
    if (flow !== undefined && startMs < nowMs) {
      const crossed = (nowMs - startMs) * this.#shape.bytesPerMs;
      this.#partial = { flow, byteCount: (this.#partial?.byteCount ?? 0) + crossed };
    }
    this.#freeMs = Math.max(this.#freeMs, nowMs);
  }
}

/** The item with the least finite key; among equals the one with the least `tie`. */
function earliest<Item>(
  items: Iterable<Item>,
  key: (item: Item) => number,
  tie: (item: Item) => number = () => 0,
): Item | undefined {
  let best: Item | undefined;
  let [bestKey, bestTie] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const item of items) {
    const [itemKey, itemTie] = [key(item), tie(item)];
    if (itemKey < bestKey || (itemKey === bestKey && itemKey < Number.POSITIVE_INFINITY && itemTie < bestTie)) {
      [best, bestKey, bestTie] = [item, itemKey, itemTie];
    }
  }
  return best;
}
