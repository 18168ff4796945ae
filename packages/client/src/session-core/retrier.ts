const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Tries something at growing intervals, until it works or the session ends. */
export class Retrier {
  readonly #work: (signal: AbortSignal) => Promise<void>;
  readonly #signal: AbortSignal;
  #running = false;
  /** Ends the pause before the next try. */
  #hurry: () => void = () => undefined;

  /**
   * @param work - has worked when it resolves
   * @param signal - aborted when the session ends
   */
  constructor(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal) {
    this.#work = work;
    this.#signal = signal;
  }

  /** Begins trying after a first pause; does nothing while it tries already. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#tryAfter(FIRST_PAUSE_MS);
  }

  /** Tries at once instead of after the pause that it makes; does nothing when it makes none. */
  hurry(): void {
    this.#hurry();
  }

  #tryAfter(pauseMs: number): void {
    if (this.#signal.aborted) return;
    const stop = () => clearTimeout(timer);
    const attempt = async () => {
      stop();
      this.#hurry = () => undefined;
      this.#signal.removeEventListener('abort', stop);
      try {
        await this.#work(this.#signal);
        this.#running = false;
      } catch {
        this.#tryAfter(Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
      }
    };
    const timer = setTimeout(() => void attempt(), pauseMs);
    this.#hurry = () => void attempt();
    this.#signal.addEventListener('abort', stop, { once: true });
  }
}
