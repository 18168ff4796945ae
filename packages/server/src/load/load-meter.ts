import type { TierLoad } from '@d3/profile';

/** One run, against what the profile says of it. */
export interface RunSample {
  /** What was run: runs of one subject are off by the same factor on an idle machine. */
  readonly subject: string;
  /** Of an idle tier. */
  readonly predictedMs: number;
  /** From start to end, without the wait for a worker. */
  readonly measuredMs: number;
  readonly queueMs: number;
  readonly atMs: number;
}

/** Runs whose median counts: two that are far off change nothing, three do. */
const RECENT = 5;
/** After so long without a run nobody waits for a worker. */
const IDLE_MS = 1_000;
/** What a subject takes on an idle machine is the least it took; that is forgotten by half in so long. */
const FORGET_MS = 600_000;
const MAX_SUBJECTS = 64;
const LOADED = 1.25;
/** Shorter predictions are as long as this: below, timers and dispatch are what one sees. */
const LEAST_MS = 0.05;

/**
 * A tier's present load, from its own runs: the median of the latest ratios of measured to predicted time, and of the latest waits. When
 * nothing runs any more, {@link probed} brings it back.
 */
export class LoadMeter {
  readonly #ratios: number[] = [];
  readonly #waits: number[] = [];
  /** Least ratio by subject, the latest run last. */
  readonly #least = new Map<string, { readonly ratio: number; readonly atMs: number }>();
  #ranMs = Number.NEGATIVE_INFINITY;

  /** Takes in a run. */
  observe({ subject, predictedMs, measuredMs, queueMs, atMs }: RunSample): void {
    const ratio = Math.max(measuredMs, LEAST_MS) / Math.max(predictedMs, LEAST_MS);
    if (!(Number.isFinite(ratio) && Number.isFinite(queueMs))) return;
    keep(this.#ratios, ratio);
    keep(this.#waits, queueMs);
    this.#ranMs = atMs;
    const known = this.#least.get(subject);
    this.#least.delete(subject);
    const forgotten = known === undefined ? ratio : known.ratio * 2 ** ((atMs - known.atMs) / FORGET_MS);
    this.#least.set(subject, { ratio: Math.min(ratio, forgotten), atMs });
    const [oldest] = this.#least.keys();
    if (this.#least.size > MAX_SUBJECTS && oldest !== undefined) this.#least.delete(oldest);
  }

  /**
   * Takes in how many times longer than on an idle machine a probe took. Stands for a run of what ran last, so that a load that
   * came or went while nothing ran is seen.
   */
  probed(contention: number): void {
    const last = [...this.#least.values()].at(-1)?.ratio ?? 1;
    if (Number.isFinite(contention) && contention > 0) keep(this.#ratios, last * Math.max(1, contention));
  }

  /** Milliseconds since the last run. */
  idleMs(nowMs: number): number {
    return nowMs - this.#ranMs;
  }

  /** Whether the tier is slower than what ran last on it has been. */
  get loaded(): boolean {
    const last = [...this.#least.values()].at(-1)?.ratio ?? 1;
    return median(this.#ratios) > last * LOADED;
  }

  /** The load now; undefined as long as nothing ran. */
  load(nowMs: number): TierLoad | undefined {
    if (this.#ratios.length === 0) return undefined;
    const queueMs = this.idleMs(nowMs) > IDLE_MS ? 0 : median(this.#waits);
    return { scale: median(this.#ratios), queueMs };
  }
}

function keep(recent: number[], value: number): void {
  recent.push(value);
  if (recent.length > RECENT) recent.shift();
}

/** The lower one of an even number; 0 of none. */
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}
