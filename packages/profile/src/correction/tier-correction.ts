import type { LayerCost } from '../cost/layer-cost.ts';
import type { TierLoad, TierProfile } from '../tier-profile.ts';
import { TermFilter } from './term-filter.ts';

/** One executed segment. */
export interface SegmentObservation {
  /** What its time depends on, as `segmentCosts` gives it. */
  readonly layers: readonly LayerCost[];
  /** In the backend, as `SegmentRun.computeMs` has it: slowdown included, handoff and {@link queueMs} not. */
  readonly measuredMs: number;
  /** Waited for a free worker. */
  readonly queueMs: number;
}

/** Ratios that the scale is the median of: an outlier among them counts nothing, and three that agree move it. */
const RECENT = 5;
/** What the load is told from begins with two that say that all is as calibrated: a cold first run alone makes no load. */
const IDLE: readonly number[] = [1, 1];
/** Below this a segment's time is the timer's resolution and the scheduler, and says nothing. */
const LEAST_MS = 0.05;
const SCALE_RANGE = [1 / 64, 64] as const;
/** Weight of the newest wait in the expected one. */
const QUEUE_GAIN = 0.3;

/**
 * Corrects a tier's profile by what its segments really take. A scale, the median of the latest ratios of measured to predicted,
 * follows load within three segments and does not follow a single outlier; what the scale leaves over moves the terms of the kinds
 * that the segment consists of, slowly, so that segments that never ran are predicted better too.
 */
export class TierCorrection {
  readonly #idle: TierProfile;
  readonly #filter: TermFilter;
  #ratios: readonly number[] = [];
  #queueMs = 0;

  /** @param idle - the tier's measured profile; its `load` is not looked at */
  constructor(idle: TierProfile) {
    this.#idle = idle;
    this.#filter = new TermFilter(idle);
  }

  /** Takes in one executed segment. An observation that cannot be one (no time, no layers) is ignored. */
  observe({ layers, measuredMs, queueMs }: SegmentObservation): void {
    if (Number.isFinite(queueMs) && queueMs >= 0) this.#queueMs += QUEUE_GAIN * (queueMs - this.#queueMs);
    if (layers.length === 0 || !(measuredMs >= LEAST_MS && Number.isFinite(measuredMs))) return;
    const predictedMs = this.#filter.predict(layers);
    if (!(predictedMs > 0)) return;
    this.#ratios = [...this.#ratios, clamp(measuredMs / predictedMs)].slice(-RECENT);
    this.#filter.learn(layers, measuredMs / middleOf(this.#ratios));
  }

  /** Of now: the scale on compute times, and the wait to expect. */
  get load(): TierLoad {
    return { scale: middleOf([...IDLE, ...this.#ratios].slice(-RECENT)), queueMs: this.#queueMs };
  }

  /** The profile with corrected terms and the present load. */
  get profile(): TierProfile {
    const { fixedMs, terms } = this.#filter;
    return { ...this.#idle, fixedMs, ...(terms !== undefined && { terms }), load: this.load };
  }
}

/** The median, of two middle ones their geometric mean. */
function middleOf(ratios: readonly number[]): number {
  const sorted = ratios.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return Math.sqrt((sorted[Math.ceil(middle) - 1] ?? 1) * (sorted[Math.floor(middle)] ?? 1));
}

function clamp(ratio: number): number {
  return Math.min(SCALE_RANGE[1], Math.max(SCALE_RANGE[0], ratio));
}
