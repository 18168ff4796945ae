import type { InferInput, InferResult, Session } from '@d3/client';
import { isD3Error } from '@d3/errors';

/** How one request of a load ended. */
export interface Outcome {
  /** Where its layers ran: `device cpu, cloud cpu`. Empty when it failed. */
  readonly where: string;
  /** What is wrong with it: an error's code, or what its check found. */
  readonly problem?: string;
}

/** What a {@link Load} asks, and how it judges. */
export interface LoadOptions {
  readonly inputOf: (seed: number) => InferInput;
  /** What is wrong with an answer; undefined if nothing is. */
  readonly check: (seed: number, result: InferResult) => string | undefined;
  readonly atOnce: number;
  readonly deadlineMs: number;
}

/** Different inputs in a load. */
export const SEEDS = 8;
/** After a failure: an outage answers at once, and asking on and on would only heat the machine. */
const PAUSE_MS = 50;
const LOOK_EVERY_MS = 5;

/** A few requests at a time, each followed by another, until it is stopped. */
export class Load {
  readonly outcomes: Outcome[] = [];
  readonly #session: Session;
  readonly #options: LoadOptions;
  readonly #runs: readonly Promise<void>[];
  #stopped = false;
  #asked = 0;

  constructor(session: Session, options: LoadOptions) {
    this.#session = session;
    this.#options = options;
    this.#runs = Array.from({ length: options.atOnce }, () => this.#run());
  }

  /** Asks no more, and waits for what runs. */
  async stop(): Promise<readonly Outcome[]> {
    this.#stopped = true;
    await Promise.all(this.#runs);
    return this.outcomes;
  }

  /** Waits until `count` more requests have ended. */
  async ended(count: number): Promise<void> {
    const target = this.outcomes.length + count;
    while (this.outcomes.length < target) await pause(LOOK_EVERY_MS);
  }

  /** Waits for a request that begins after this call and whose layers ran at `tier`. @throws Error after `withinMs` */
  async reached(tier: string, withinMs: number): Promise<void> {
    const endsMs = performance.now() + withinMs;
    await this.ended(this.#options.atOnce);
    let seen = this.outcomes.length;
    while (!this.outcomes.slice(seen).some(({ where }) => where.includes(tier))) {
      if (performance.now() > endsMs) throw new Error(`No request reached the ${tier} within ${withinMs} ms`);
      seen = this.outcomes.length;
      await this.ended(1);
    }
  }

  async #run(): Promise<void> {
    const { inputOf, check, deadlineMs } = this.#options;
    while (!this.#stopped) {
      const seed = this.#asked % SEEDS;
      this.#asked += 1;
      try {
        const result = await this.#session.infer(inputOf(seed), { deadlineMs });
        const problem = check(seed, result);
        const where = result.placement.map(({ tier, backend }) => `${tier} ${backend}`).join(', ');
        this.outcomes.push({ where, ...(problem !== undefined && { problem }) });
      } catch (error) {
        const problem = isD3Error(error) ? `${error.code}: ${error.message}` : `untyped: ${String(error)}`;
        this.outcomes.push({ where: '', problem });
        await pause(PAUSE_MS);
      }
    }
  }
}

/** Sleeps. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
