import { type FittedProfile, fitProfile, type SegmentSample, steadyTimes } from '@d3/profile';
import type { TensorMap } from '@d3/tensor';
import type { Backend, SegmentSession } from '../backend.ts';
import type { ProbeChain } from './probe-chain.ts';
import { basicProbes, probes } from './probes.ts';

/** How {@link calibrate} measures. */
export interface CalibrateOptions {
  /** `quick`: the kinds that networks spend most on, about a quarter of the time. Default `full`. */
  readonly extent?: 'quick' | 'full';
  /** Time after which no further segment is begun, once the first few are timed. Default 4,000, quick 1,000. */
  readonly budgetMs?: number;
  /** Called with the share that is done, from 0 to 1, never falling. */
  readonly onProgress?: (fraction: number) => void;
  /**
   * Called after each round and waited for, its time not counted against the budget: what is timed there meets the machine at the same
   * speeds as the calibration.
   */
  readonly betweenRounds?: () => Promise<void>;
  readonly signal?: AbortSignal;
}

/** A backend's speed, slowdown included: part of a tier's profile. */
export interface Calibration extends FittedProfile {
  /** The timed segments behind it. */
  readonly samples: readonly SegmentSample[];
}

const BUDGET_MS = { quick: 1000, full: 4000 } as const;
/** Timed whatever the budget says, or nothing can be fitted. */
const LEAST_PROBES = 6;
/** Share of the budget that the first round may take, with the making of sessions; the others repeat it. */
const FIRST_ROUND_SHARE = 0.7;
const MAX_ROUNDS = 12;
/** Runs of the smallest segment before anything counts: this thread's code and the backend's are compiled by then. */
const WARM_RUNS = 200;
const WARM_MS = 150;
/** The finest that a page's clock may show. */
const LEAST_MS = 0.005;

/**
 * Measures a backend without any model's weights: times chains of layers with made-up ones and fits a fixed time a segment and terms
 * per operator kind to them (see `fitProfile`). Chains, since layer times do not add up; and in rounds, since a machine's speed
 * drifts from one second to the next (see `steadyTimes`).
 *
 * It works through {@link Backend} alone, so it blocks no thread but the backend's; the caller's, to make weights, for no more than
 * some 30 ms in a row.
 *
 * @throws what {@link Backend.prepare} and a run throw; the signal's reason when aborted
 */
export async function calibrate(backend: Backend, options: CalibrateOptions = {}): Promise<Calibration> {
  const extent = options.extent ?? 'full';
  const budgetMs = options.budgetMs ?? BUDGET_MS[extent];
  const run = new CalibrationRun(backend, options, performance.now() + budgetMs);
  try {
    await run.firstRound(extent === 'quick' ? basicProbes() : probes(), budgetMs * (1 - FIRST_ROUND_SHARE));
    await run.repeat(MAX_ROUNDS - 1);
  } finally {
    await run.dispose();
  }
  options.onProgress?.(1);
  return { ...fitProfile(run.samples), samples: run.samples };
}

interface TimedChain {
  readonly chain: ProbeChain;
  readonly session: SegmentSession;
  readonly inputs: TensorMap;
  readonly computeMs: number[];
  readonly handoffMs: number[];
}

/** Sessions of the chains, and the times so far. */
class CalibrationRun {
  readonly #backend: Backend;
  readonly #options: CalibrateOptions;
  readonly #startedMs = performance.now();
  #endMs: number;
  readonly #timed: TimedChain[] = [];

  constructor(backend: Backend, options: CalibrateOptions, endMs: number) {
    this.#backend = backend;
    this.#options = options;
    this.#endMs = endMs;
  }

  get samples(): readonly SegmentSample[] {
    const computeMs = steadyTimes(this.#timed.map((timed) => timed.computeMs));
    const handoffMs = steadyTimes(this.#timed.map((timed) => timed.handoffMs));
    return this.#timed.map(({ chain }, at) => {
      return {
        layers: chain.costs,
        computeMs: Math.max(computeMs[at] ?? 0, LEAST_MS),
        handoffMs: handoffMs[at] ?? 0,
      };
    });
  }

  /** Makes and times one segment after the other, as far as the budget goes less `reserveMs`. */
  async firstRound(chains: readonly ProbeChain[], reserveMs: number): Promise<void> {
    for (const [at, chain] of chains.entries()) {
      this.#options.signal?.throwIfAborted();
      if (at >= LEAST_PROBES && performance.now() >= this.#endMs - reserveMs) break;
      const segment = chain.segment();
      await nextTask();
      const session = await this.#backend.prepare(segment, this.#runOptions());
      const timed = { chain, session, inputs: chain.inputs(), computeMs: [], handoffMs: [] };
      this.#timed.push(timed);
      if (at === 0) await this.#warm(timed);
      await this.#time(timed);
      this.#report();
    }
    await this.#pause();
  }

  /** Times them all again, while there is time for a whole round. */
  async repeat(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const roundMs = this.samples.reduce((sum, { computeMs, handoffMs }) => sum + computeMs + handoffMs, 0);
      if (performance.now() + roundMs > this.#endMs) return;
      for (const timed of this.#timed) await this.#time(timed);
      this.#report();
      await this.#pause();
    }
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#timed.map(({ session }) => session.dispose()));
  }

  async #warm(timed: TimedChain): Promise<void> {
    const endMs = performance.now() + WARM_MS;
    for (let run = 0; run < WARM_RUNS && performance.now() < endMs; run++) await this.#time(timed);
    timed.computeMs.length = 0;
    timed.handoffMs.length = 0;
  }

  /** Once, since a segment that runs twice in a row finds its weights in the caches, as it seldom does in use. */
  async #time({ session, inputs, ...times }: TimedChain): Promise<void> {
    const startedMs = performance.now();
    const { computeMs, queueMs } = await session.run(inputs, this.#runOptions());
    times.computeMs.push(computeMs);
    times.handoffMs.push(Math.max(0, performance.now() - startedMs - queueMs - computeMs));
  }

  async #pause(): Promise<void> {
    const startedMs = performance.now();
    await this.#options.betweenRounds?.();
    this.#endMs += performance.now() - startedMs;
  }

  #report(): void {
    const { onProgress, signal } = this.#options;
    signal?.throwIfAborted();
    onProgress?.(Math.min(0.99, (performance.now() - this.#startedMs) / (this.#endMs - this.#startedMs)));
  }

  #runOptions(): { readonly signal?: AbortSignal } {
    const { signal } = this.#options;
    return signal === undefined ? {} : { signal };
  }
}

/** Making weights and copying them are each a few dozen milliseconds on a slow machine: not in one go on a page's thread. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
