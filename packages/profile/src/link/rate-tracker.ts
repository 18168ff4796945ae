import { clampRate } from './read-transfer.ts';

/** What blurs a sample: its ends, by about so many milliseconds, and what else there is, by a share. Longer samples weigh more. */
const BLUR_MS = 1.5;
const BLUR = 0.05;
const LEAST_WEIGHT = 0.02;
const FAST = 0.5;
const SLOW = 0.1;
/** Old knowledge fades with time as well as with samples. */
const FAST_MS = 2_000;
const SLOW_MS = 10_000;
/** CUSUM of the standardised surprise: one outlier stays below the threshold, two of a kind do not. */
const CLIP = 3.5;
const DRIFT = 1;
const THRESHOLD = 3;
const LEAST_SPREAD = 0.06;
const MOST_SPREAD = 0.4;
const FIRST_SPREAD = 0.12;
const SPREAD_GAIN = 0.1;
/** Surprises of less than this many spreads are no reason to look again. */
const SUSPICIOUS = 2;

/** Samples that all lie on one side. */
interface Run {
  score: number;
  weight: number;
  sum: number;
}

/**
 * Follows a rate: the smaller of a fast and a slow moving average, so that a drop counts at once and a rise only when it lasts;
 * and a change-point test (Page's CUSUM), so that a rise that lasts for two samples counts at once as well. Works on logarithms.
 */
export class RateTracker {
  #fast = Number.NaN;
  #slow = Number.NaN;
  #spread = FIRST_SPREAD;
  #atMs = Number.NEGATIVE_INFINITY;
  #suspicious = false;
  #weight = 0;
  readonly #above: Run = { score: 0, weight: 0, sum: 0 };
  readonly #below: Run = { score: 0, weight: 0, sum: 0 };

  /** The estimate; undefined before the first sample. */
  get bytesPerMs(): number | undefined {
    return Number.isNaN(this.#fast) ? undefined : Math.exp(Math.min(this.#fast, this.#slow));
  }

  /** Whether the last sample was a surprise that another one should confirm or refute soon. */
  get suspicious(): boolean {
    return this.#suspicious;
  }

  /** Takes a sample that took `ms`. */
  observe(bytesPerMs: number, ms: number, atMs: number): void {
    const sample = Math.log(clampRate(bytesPerMs));
    const weight = Math.max(LEAST_WEIGHT, BLUR ** 2 / (BLUR ** 2 + (BLUR_MS / ms) ** 2));
    const passedMs = Math.max(0, atMs - this.#atMs);
    this.#atMs = atMs;
    if (Number.isNaN(this.#fast)) this.#reset(sample, 0);
    this.#weight += weight;
    // Until there is enough of them, samples are averaged.
    const share = weight / this.#weight;
    const surprise = sample - Math.min(this.#fast, this.#slow);
    if (this.#changed(sample, surprise, Math.sqrt(weight))) return;
    this.#suspicious = Math.abs(surprise) > SUSPICIOUS * this.#spread;
    this.#fast += Math.max(share, gain(FAST, passedMs / FAST_MS, weight)) * (sample - this.#fast);
    this.#slow += Math.max(share, gain(SLOW, passedMs / SLOW_MS, weight)) * (sample - this.#slow);
    const spread = Math.min(3 * this.#spread, 1.25 * Math.abs(surprise));
    this.#spread += SPREAD_GAIN * weight * (spread - this.#spread);
    this.#spread = Math.min(MOST_SPREAD, Math.max(LEAST_SPREAD, this.#spread));
  }

  /** Forgets everything but this rate. */
  restart(bytesPerMs: number, atMs: number): void {
    this.#atMs = atMs;
    this.#spread = FIRST_SPREAD;
    this.#reset(Math.log(clampRate(bytesPerMs)), 1);
  }

  /** Adds to both runs; starts anew from the run that shows a change. */
  #changed(sample: number, surprise: number, weight: number): boolean {
    for (const [run, sign] of [
      [this.#above, 1],
      [this.#below, -1],
    ] as const) {
      const step = Math.min(CLIP, Math.max(-CLIP, (sign * surprise) / this.#spread)) - DRIFT;
      run.score = Math.max(0, run.score + weight * step);
      // What surprised more says more of the new level: the sample before the change may have a part in the run.
      const part = weight * Math.max(0, step);
      run.weight = run.score === 0 ? 0 : run.weight + part;
      run.sum = run.score === 0 ? 0 : run.sum + part * sample;
      if (run.score > THRESHOLD) {
        this.#reset(run.sum / run.weight, weight);
        return true;
      }
    }
    return false;
  }

  #reset(level: number, weight: number): void {
    this.#fast = level;
    this.#slow = level;
    this.#suspicious = false;
    this.#weight = weight;
    for (const run of [this.#above, this.#below]) Object.assign(run, { score: 0, weight: 0, sum: 0 });
  }
}

function gain(perSample: number, ages: number, weight: number): number {
  return Math.max(perSample, 1 - Math.exp(-ages)) * weight;
}
