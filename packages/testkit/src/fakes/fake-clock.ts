interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock {
  readonly #timers = new Set<Timer>();
  #nowMs: number;

  constructor(nowMs: number = 0) {
    this.#nowMs = nowMs;
  }

  /** Milliseconds; bound, so it can be passed as a function. */
  readonly now = (): number => this.#nowMs;

  /** Timers set and not yet run or cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Runs a callback once, `delayMs` from now; returns its cancellation. */
  readonly schedule = (run: () => void, delayMs: number): (() => void) => {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** Settles `delayMs` from now. */
  readonly sleep = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      this.schedule(resolve, delayMs);
    });

  /**
   * Moves time on and runs what falls due, in the order of time, each at its own time; timers set on the way included. What
   * awaits a timer goes on before the next one runs.
   */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await settle();
    }
    this.#nowMs = endMs;
  }

  /** The earliest timer due by `endMs`; of equals the one set first. */
  #next(endMs: number): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= endMs && (best === undefined || timer.atMs < best.atMs)) best = timer;
    }
    return best;
  }
}

/** Lets promise reactions run, and those that they cause. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
