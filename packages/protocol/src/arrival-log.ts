import type { Arrival } from '@d3/profile';

/** Points kept of a frame, however many messages it has. */
const MOST_ARRIVALS = 63;

/** When a frame came, for a link estimator. */
export interface FrameTiming {
  /** Arrival of the header message, by the receiver's clock: the payload was sent right behind it. */
  readonly startMs: number;
  /** Arrival of the last payload message; the header's for a frame without payload. */
  readonly endMs: number;
  /** Bytes of all payload messages, prefixes included. */
  readonly bytes: number;
  /** Milliseconds since the header, and bytes that had come by then: of every message, or of every few of a long frame. */
  readonly arrivals: readonly Arrival[];
}

/** Notes when the messages of one frame come, in bounded memory. */
export class ArrivalLog {
  readonly #startMs: number;
  #arrivals: Arrival[] = [];
  #every = 1;
  #messages = 0;
  #bytes = 0;
  #endMs: number;

  /** @param startMs - when the header message came */
  constructor(startMs: number) {
    this.#startMs = startMs;
    this.#endMs = startMs;
  }

  /** When the last message came. */
  get endMs(): number {
    return this.#endMs;
  }

  /** A payload message came. */
  add(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    this.#endMs = nowMs;
    this.#messages++;
    if (this.#messages % this.#every !== 0) return;
    if (this.#arrivals.length === MOST_ARRIVALS) {
      this.#arrivals = this.#arrivals.filter((_, index) => index % 2 === 1);
      this.#every *= 2;
      if (this.#messages % this.#every !== 0) return;
    }
    this.#arrivals.push(this.#last());
  }

  /** What was noted so far. */
  timing(): FrameTiming {
    const known = this.#arrivals.at(-1)?.bytes ?? 0;
    const arrivals = known === this.#bytes ? this.#arrivals : [...this.#arrivals, this.#last()];
    return { startMs: this.#startMs, endMs: this.#endMs, bytes: this.#bytes, arrivals };
  }

  #last(): Arrival {
    return { ms: this.#endMs - this.#startMs, bytes: this.#bytes };
  }
}
