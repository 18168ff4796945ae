import type { LinkHistory, LinkStep } from './link-history.ts';

/** Which way bytes go. */
export type Direction = 'up' | 'down';

const SEGMENT_BYTES = 1460;
const INITIAL_WINDOW_BYTES = 10 * SEGMENT_BYTES;
const IDLE_MS = 1000;

/** A history, prepared so that what crosses between two moments is found by search. Shared by all simulations over it. */
export class LinkTimeline {
  readonly history: LinkHistory;
  readonly #startMs: Float64Array;
  /** Bytes that could have crossed before each step, in a direction. */
  readonly #before: Readonly<Record<Direction, Float64Array>>;

  constructor(history: LinkHistory) {
    this.history = history;
    const { steps } = history;
    this.#startMs = new Float64Array(steps.length + 1);
    this.#before = { up: new Float64Array(steps.length + 1), down: new Float64Array(steps.length + 1) };
    steps.forEach((step, index) => {
      this.#startMs[index + 1] = (this.#startMs[index] ?? 0) + step.lengthMs;
      for (const direction of ['up', 'down'] as const) {
        const sums = this.#before[direction];
        sums[index + 1] = (sums[index] ?? 0) + rateOf(step, direction) * step.lengthMs;
      }
    });
  }

  /** How the link is at a moment. */
  at(ms: number): LinkStep {
    const step = this.history.steps[this.#stepAt(ms)];
    if (step === undefined) throw new RangeError(`History '${this.history.name}' has no steps`);
    return step;
  }

  /** When `bytes` that begin to cross at `fromMs` have left; `Infinity` on a link without any capacity. */
  leftMs(direction: Direction, bytes: number, fromMs: number): number {
    if (bytes <= 0) return fromMs;
    const sums = this.#before[direction];
    const perRound = sums[sums.length - 1] ?? 0;
    if (perRound === 0) return Number.POSITIVE_INFINITY;
    const step = this.#stepAt(fromMs);
    const { lengthMs } = this.history;
    const round = Math.floor(fromMs / lengthMs);
    const inStep = fromMs - round * lengthMs - (this.#startMs[step] ?? 0);
    const goal = (sums[step] ?? 0) + inStep * rateOf(this.history.steps[step], direction) + bytes;
    const rounds = Math.ceil(goal / perRound) - 1;
    const rest = goal - rounds * perRound;
    const last = lastBelow(sums, rest);
    const rate = rateOf(this.history.steps[last], direction);
    return (round + rounds) * lengthMs + (this.#startMs[last] ?? 0) + (rest - (sums[last] ?? 0)) / rate;
  }

  #stepAt(ms: number): number {
    const inRound = ms - Math.floor(ms / this.history.lengthMs) * this.history.lengthMs;
    return Math.max(0, Math.min(this.history.steps.length - 1, lastAtMost(this.#startMs, inRound)));
  }
}

/** Index of the last item that is at most `value`, of ascending items. */
function lastAtMost(items: Float64Array, value: number): number {
  let [low, high] = [0, items.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((items[middle] ?? 0) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Index of the last item under `value`; the step in which a sum is reached has capacity then. */
function lastBelow(items: Float64Array, value: number): number {
  let [low, high] = [0, items.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((items[middle] ?? 0) < value) low = middle;
    else high = middle - 1;
  }
  return low;
}

function rateOf(step: LinkStep | undefined, direction: Direction): number {
  return (direction === 'up' ? step?.upBytesPerMs : step?.downBytesPerMs) ?? 0;
}

/**
 * One direction of one TCP connection over a link with a history, on a virtual clock: what is sent crosses in order, at the link's
 * rate, behind TCP's ramp (ten segments, doubled each round trip, again after an idle second), and arrives after the delay. It
 * equals the shaping proxy's model, in rounds instead of segments.
 */
export class SimulatedFlow {
  readonly #timeline: LinkTimeline;
  readonly #direction: Direction;
  #freeMs = 0;
  #servedMs = Number.NEGATIVE_INFINITY;
  #windowBytes = INITIAL_WINDOW_BYTES;

  constructor(timeline: LinkTimeline, direction: Direction) {
    this.#timeline = timeline;
    this.#direction = direction;
  }

  /** When the last byte of what was sent so far leaves. */
  get freeMs(): number {
    return this.#freeMs;
  }

  /** A copy in the same state, to try something out. */
  clone(): SimulatedFlow {
    const copy = new SimulatedFlow(this.#timeline, this.#direction);
    copy.#freeMs = this.#freeMs;
    copy.#servedMs = this.#servedMs;
    copy.#windowBytes = this.#windowBytes;
    return copy;
  }

  /**
   * Sends bytes from `fromMs` on.
   *
   * @param marks - byte counts, ascending, the last being all
   * @returns when each of `marks` has arrived
   */
  send(fromMs: number, marks: readonly number[]): number[] {
    const bytes = marks.at(-1) ?? 0;
    if (fromMs - this.#servedMs > IDLE_MS && fromMs >= this.#freeMs) this.#windowBytes = INITIAL_WINDOW_BYTES;
    const arrivals: number[] = [];
    let startMs = Math.max(fromMs, this.#freeMs);
    let sent = 0;
    while (sent < bytes) {
      const chunk = Math.min(bytes - sent, this.#windowBytes);
      const { delayMs } = this.#timeline.at(startMs);
      for (const mark of marks.slice(arrivals.length)) {
        if (mark > sent + chunk) break;
        arrivals.push(this.#left(mark - sent, startMs) + delayMs);
      }
      const endMs = this.#left(chunk, startMs);
      sent += chunk;
      startMs = this.#afterRound({ startMs, endMs, chunk, more: sent < bytes });
      this.#freeMs = endMs;
    }
    this.#servedMs = this.#freeMs;
    return arrivals;
  }

  #left(bytes: number, fromMs: number): number {
    return this.#timeline.leftMs(this.#direction, bytes, fromMs);
  }

  /** When the next round can begin: when the first acknowledgement of this one is there, or at once if it is already. */
  #afterRound(round: { startMs: number; endMs: number; chunk: number; more: boolean }): number {
    const { startMs, endMs, chunk, more } = round;
    const state = this.#timeline.at(startMs);
    const rate = rateOf(state, this.#direction);
    const ackedMs = startMs + 2 * state.delayMs + SEGMENT_BYTES / Math.max(rate, 1e-9);
    const inFlight = Math.min(chunk, rate * 2 * state.delayMs);
    if (2 * inFlight >= this.#windowBytes) this.#windowBytes += chunk;
    return more ? Math.max(endMs, Math.min(ackedMs, endMs + 2 * state.delayMs)) : endMs;
  }
}
