/** A clock that jumps from one event to the next. */
export class VirtualClock {
  #nowMs: number;
  #count = 0;
  /** Latest first. */
  readonly #events: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Calls `run` at a time, or now if that has passed; events of one time in the order in which they were set. */
  at(atMs: number, run: () => void): void {
    this.#count += 1;
    const event = { atMs: Math.max(atMs, this.#nowMs), order: this.#count, run };
    let place = this.#events.length;
    while (place > 0 && isLater(event, this.#events[place - 1])) place -= 1;
    this.#events.splice(place, 0, event);
  }

  /** Lets time pass until `done` says so or nothing is left to happen. */
  runUntil(done: () => boolean): void {
    while (!done()) {
      const event = this.#events.pop();
      if (event === undefined || event.atMs === Number.POSITIVE_INFINITY) return;
      this.#nowMs = event.atMs;
      event.run();
    }
  }
}

function isLater(
  event: { readonly atMs: number; readonly order: number },
  other: { readonly atMs: number; readonly order: number } | undefined,
): boolean {
  if (other === undefined) return false;
  return event.atMs > other.atMs || (event.atMs === other.atMs && event.order > other.order);
}
