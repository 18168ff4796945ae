/**
 * Runs one asynchronous job at a time and remembers only the newest of those that came meanwhile: live input never queues up.
 */
export class LatestOnly<T> {
  readonly #job: (value: T) => Promise<void>;
  #waiting: { readonly value: T } | undefined;
  #running = false;

  /** @param job - must not reject; it reports its failures itself */
  constructor(job: (value: T) => Promise<void>) {
    this.#job = job;
  }

  /** Runs the job with `value` now, or after the current run unless a newer value comes first. */
  push(value: T): void {
    this.#waiting = { value };
    if (!this.#running) void this.#drain();
  }

  /** Forgets a waiting value. */
  clear(): void {
    this.#waiting = undefined;
  }

  async #drain(): Promise<void> {
    this.#running = true;
    try {
      for (let next = this.#waiting; next !== undefined; next = this.#waiting) {
        this.#waiting = undefined;
        await this.#job(next.value);
      }
    } finally {
      this.#running = false;
    }
  }
}
