import type { Session } from '../session.ts';

/**
 * Plans for throughput for as long as a stream runs, and for what was aimed at before after the last has ended, unless another goal
 * was set meanwhile. Where that plan cannot be had, streams run on the one that there is.
 */
export class ThroughputGoal {
  readonly #session: Pick<Session, 'replan' | 'report'>;
  #streams = 0;
  #switching: Promise<unknown> = Promise.resolve();
  #changed = false;

  constructor(session: Pick<Session, 'replan' | 'report'>) {
    this.#session = session;
  }

  /** A stream begins. The returned function ends it, once. */
  enter(): () => void {
    this.#streams += 1;
    if (this.#streams === 1) this.#queue(() => this.#aim());
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#streams -= 1;
      if (this.#streams === 0) this.#queue(() => this.#restore());
    };
  }

  async #aim(): Promise<void> {
    if (this.#streams === 0 || this.#objective === 'throughput') return;
    await this.#session.replan({ objective: 'throughput' });
    this.#changed = true;
  }

  async #restore(): Promise<void> {
    if (this.#streams > 0 || !this.#changed) return;
    this.#changed = false;
    if (this.#objective === 'throughput') await this.#session.replan({ objective: 'latency' });
  }

  get #objective(): string {
    return this.#session.report.problem.objective;
  }

  #queue(work: () => Promise<void>): void {
    this.#switching = this.#switching.then(work).catch(() => undefined);
  }
}
