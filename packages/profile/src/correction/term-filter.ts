import { FEATURES, layerFeatures, termsOf, termValues } from '../cost/features.ts';
import { BOUNDARY, type LayerCost } from '../cost/layer-cost.ts';
import { OTHER_KINDS } from '../cost/predict-layer.ts';
import type { KindTerms, TierProfile } from '../tier-profile.ts';

/** How far the terms of one kind may be off together, as a standard deviation in parts of themselves. */
const KIND_SPREAD = 0.25;
/** How far each term may be off by itself. */
const TERM_SPREAD = 0.2;
/** How exactly a segment's time is known, scale included. */
const NOISE = 0.05;
/** An error larger than this, in standard deviations of what was expected, is cut to it. */
const CUT = 2;
/** What the spread regains with each observation, so that terms can go on changing. */
const FORGETTING = 1.002;
/** Terms stay within this factor of what was calibrated. */
const RANGE = 4;
const FLOPS_PER_MS = 1e6;

/**
 * The terms of a profile as multipliers on what was calibrated, known with a spread: a Kalman filter on segment times relative to
 * their prediction. Multipliers of one kind begin correlated, since what makes a kind slower mostly makes all of it slower.
 */
export class TermFilter {
  readonly #profile: TierProfile;
  readonly #kinds: readonly string[];
  readonly #base: readonly (readonly number[])[];
  readonly #multipliers: Float64Array;
  readonly #spread: Float64Array;

  constructor(profile: TierProfile) {
    this.#profile = profile;
    this.#kinds = Object.keys(profile.terms ?? {});
    this.#base = Object.values(profile.terms ?? {}).map(termValues);
    const count = 1 + this.#kinds.length * FEATURES;
    this.#multipliers = new Float64Array(count).fill(1);
    this.#spread = initialSpread(count);
  }

  /** Handoff included, which no segment's time in the backend says anything of. */
  get fixedMs(): number {
    const { handoffMs = 0 } = this.#profile;
    return this.#ownFixedMs * (this.#multipliers[0] ?? 1) + handoffMs;
  }

  get #ownFixedMs(): number {
    return this.#profile.fixedMs - (this.#profile.handoffMs ?? 0);
  }

  /** Absent when the profile has none. */
  get terms(): Readonly<Record<string, KindTerms>> | undefined {
    if (this.#profile.terms === undefined) return undefined;
    const corrected = this.#kinds.map((kind, at) => {
      const values = this.#base[at]?.map((value, term) => value * (this.#multipliers[1 + at * FEATURES + term] ?? 1));
      return [kind, termsOf(values ?? [])] as const;
    });
    return Object.fromEntries(corrected);
  }

  /** What a segment takes in the backend of the idle tier, by the terms as they are corrected now. */
  predict(layers: readonly LayerCost[]): number {
    const { parts, restMs } = this.#partsOf(layers);
    return parts.reduce((sum, part, at) => sum + part * (this.#multipliers[at] ?? 1), restMs);
  }

  /** Moves the multipliers of the terms that a segment's time has in it towards what was measured. */
  learn(layers: readonly LayerCost[], measuredMs: number): void {
    const { parts, restMs } = this.#partsOf(layers);
    const predictedMs = parts.reduce((sum, part, at) => sum + part * (this.#multipliers[at] ?? 1), restMs);
    if (!(predictedMs > 0)) return;
    const shares = parts.map((part) => part / predictedMs);
    const gains = this.#times(shares);
    const variance = shares.reduce((sum, share, at) => sum + share * (gains[at] ?? 0), NOISE ** 2);
    const bound = CUT * Math.sqrt(variance);
    const error = Math.min(bound, Math.max(-bound, measuredMs / predictedMs - 1));
    this.#move(gains, error / variance);
    this.#narrow(gains, variance);
  }

  /** Time of each term at its calibrated value, the fixed time first; and what no term covers. */
  #partsOf(layers: readonly LayerCost[]): { parts: Float64Array; restMs: number } {
    const parts = new Float64Array(this.#multipliers.length);
    parts[0] = this.#ownFixedMs;
    let restMs = 0;
    for (const layer of layers) {
      const own = this.#kinds.indexOf(layer.kind);
      const at = own >= 0 || layer.kind === BOUNDARY ? own : this.#kinds.indexOf(OTHER_KINDS);
      if (at < 0) restMs += layer.flops / (this.#profile.gflops * FLOPS_PER_MS);
      layerFeatures(layer).forEach((feature, term) => {
        const place = 1 + at * FEATURES + term;
        if (at >= 0) parts[place] = (parts[place] ?? 0) + feature * (this.#base[at]?.[term] ?? 0);
      });
    }
    return { parts, restMs };
  }

  #times(vector: Float64Array): Float64Array {
    const count = vector.length;
    const product = new Float64Array(count);
    for (let row = 0; row < count; row++) {
      let sum = 0;
      for (let column = 0; column < count; column++) {
        sum += (this.#spread[row * count + column] ?? 0) * (vector[column] ?? 0);
      }
      product[row] = sum;
    }
    return product;
  }

  #move(gains: Float64Array, step: number): void {
    for (let at = 0; at < gains.length; at++) {
      const next = (this.#multipliers[at] ?? 1) + (gains[at] ?? 0) * step;
      this.#multipliers[at] = Math.min(RANGE, Math.max(1 / RANGE, next));
    }
  }

  #narrow(gains: Float64Array, variance: number): void {
    const count = gains.length;
    // No wider than it began, so that kinds that never run do not become anything at all. Rows and columns shrink together: a matrix
    // of which only the diagonal were bounded would soon be that of no random quantity.
    const within = gains.map((gain, at) => {
      const grown = ((this.#spread[at * count + at] ?? 0) - gain ** 2 / variance) * FORGETTING;
      return Math.sqrt(Math.min(1, initialVariance(at) / grown));
    });
    for (let row = 0; row < count; row++) {
      for (let column = 0; column < count; column++) {
        const place = row * count + column;
        const less = ((gains[row] ?? 0) * (gains[column] ?? 0)) / variance;
        const scale = (within[row] ?? 1) * (within[column] ?? 1);
        this.#spread[place] = ((this.#spread[place] ?? 0) - less) * FORGETTING * scale;
      }
    }
  }
}

function initialVariance(at: number): number {
  return at === 0 ? TERM_SPREAD ** 2 : KIND_SPREAD ** 2 + TERM_SPREAD ** 2;
}

function initialSpread(count: number): Float64Array {
  const spread = new Float64Array(count * count);
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      const sameKind =
        row > 0 && column > 0 && Math.floor((row - 1) / FEATURES) === Math.floor((column - 1) / FEATURES);
      if (row === column) spread[row * count + column] = initialVariance(row);
      else if (sameKind) spread[row * count + column] = KIND_SPREAD ** 2;
    }
  }
  return spread;
}
