const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Tries to connect again, at growing intervals, until it works or the session ends. */
export class Reconnector {
  readonly #connect: (signal: AbortSignal) => Promise<void>;
  readonly #signal: AbortSignal;
  #running = false;
  /** Ends the pause before the next try. */
  #hurry: () => void = () => undefined;

  constructor(connect: (signal: AbortSignal) => Promise<void>, signal: AbortSignal) {
    this.#connect = connect;
    this.#signal = signal;
  }

  /** Begins trying; does nothing while it does so already. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#tryAfter(FIRST_PAUSE_MS);
  }

  /** Tries at once instead of after the pause that it makes. */
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
        await this.#connect(this.#signal);
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
