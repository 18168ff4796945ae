import { FEATURES, layerFeatures, termsOf, termValues } from '../cost/features.ts';
import { BOUNDARY, type LayerCost } from '../cost/layer-cost.ts';
import { OTHER_KINDS } from '../cost/predict-layer.ts';
import { profileError } from '../errors.ts';
import type { KindTerms } from '../tier-profile.ts';
import { type Equation, nonNegativeLeastSquares } from './least-squares.ts';

/** A timed segment. */
export interface SegmentSample {
  /** As `segmentCosts` gives them. */
  readonly layers: readonly LayerCost[];
  /** In the backend. */
  readonly computeMs: number;
  /** From the call to its result, less the time in the backend and the wait for a worker: two changes of thread and copies. */
  readonly handoffMs: number;
}

/** What {@link fitProfile} finds: a tier's speed without its name and load. */
export interface FittedProfile {
  readonly gflops: number;
  readonly fixedMs: number;
  readonly handoffMs: number;
  readonly terms: Readonly<Record<string, KindTerms>>;
}

/** A sample farther off than this, relative to its time, weighs less the farther it is. */
const TRUSTED_ERROR = 0.1;
const ROUNDS = 5;
/** A browser's clock may not see a handoff at all. */
const LEAST_HANDOFF_MS = 0.005;
/** Kinds whose bytes price the kinds that were not calibrated: they all move elements and do little else. */
const MOVING_KINDS: readonly string[] = ['Relu', 'Add', 'Mul', 'Concat', 'Sigmoid'];

/**
 * Fits a fixed time a segment and the terms of every kind, all at once, to timed segments: non-negative least squares on relative
 * errors (each equation over its time), repeated with less weight on outliers. What a handoff costs is fitted by itself, to a fixed
 * time and the bytes that are handed over, since its jitter would drown the small segments.
 *
 * @param samples - chains of several lengths and shapes a kind, or the terms of that kind cannot be told from the fixed time
 * @throws D3Error `PROFILE_SAMPLES_UNUSABLE` for none, or one with a time that is none
 */
export function fitProfile(samples: readonly SegmentSample[]): FittedProfile {
  checkSamples(samples);
  const compute = fitTerms(samples.map(({ layers, computeMs }) => ({ layers, ms: computeMs })));
  const handoff = fitTerms(
    samples.map(({ layers, handoffMs }) => {
      return { layers: layers.filter(({ kind }) => kind === BOUNDARY), ms: Math.max(handoffMs, LEAST_HANDOFF_MS) };
    }),
  );
  const boundary = sumOf(compute.terms[BOUNDARY], handoff.terms[BOUNDARY]);
  return {
    gflops: headlineRate(samples),
    fixedMs: compute.fixedMs + handoff.fixedMs,
    handoffMs: handoff.fixedMs,
    terms: withOthers({ ...compute.terms, ...(boundary !== undefined && { [BOUNDARY]: boundary }) }),
  };
}

interface Timed {
  readonly layers: readonly LayerCost[];
  readonly ms: number;
}

function fitTerms(samples: readonly Timed[]): Pick<FittedProfile, 'fixedMs' | 'terms'> {
  const kinds = [...new Set(samples.flatMap(({ layers }) => layers.map(({ kind }) => kind)))].sort();
  const rows = samples.map(({ layers }) => coefficientsOf(layers, kinds));
  let weights = samples.map(({ ms }) => 1 / ms);
  let solution = new Float64Array(1 + FEATURES * kinds.length);
  for (let round = 0; round < ROUNDS; round++) {
    const equations = samples.map(({ ms }, at): Equation => {
      return { coefficients: rows[at] ?? new Float64Array(), target: ms, weight: weights[at] ?? 0 };
    });
    solution = Float64Array.from(nonNegativeLeastSquares(equations));
    weights = samples.map(({ ms }, at) => {
      const error = Math.abs(dot(rows[at] ?? new Float64Array(), solution) / ms - 1);
      return Math.sqrt(Math.min(1, TRUSTED_ERROR / error)) / ms;
    });
  }
  const terms = kinds.map((kind, at) => {
    return [kind, termsOf(solution.subarray(1 + at * FEATURES, 1 + (at + 1) * FEATURES))] as const;
  });
  return { fixedMs: solution[0] ?? 0, terms: Object.fromEntries(terms) };
}

function sumOf(a: KindTerms | undefined, b: KindTerms | undefined): KindTerms | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const other = termValues(b);
  return termsOf(termValues(a).map((value, at) => value + (other[at] ?? 0)));
}

function checkSamples(samples: readonly SegmentSample[]): void {
  const isTime = (ms: number) => Number.isFinite(ms) && ms >= 0;
  const bad = samples.findIndex(({ layers, computeMs, handoffMs }) => {
    return !(isTime(computeMs) && computeMs > 0 && isTime(handoffMs)) || layers.length === 0;
  });
  if (samples.length > 0 && bad < 0) return;
  const problem = samples.length === 0 ? 'there are none' : `sample ${bad} took ${samples[bad]?.computeMs} ms`;
  throw profileError('PROFILE_SAMPLES_UNUSABLE', { problem });
}

/** The fixed time first, then the features of each kind. */
function coefficientsOf(layers: readonly LayerCost[], kinds: readonly string[]): Float64Array {
  const coefficients = new Float64Array(1 + FEATURES * kinds.length);
  coefficients[0] = 1;
  for (const layer of layers) {
    const start = 1 + FEATURES * kinds.indexOf(layer.kind);
    layerFeatures(layer).forEach((value, at) => {
      coefficients[start + at] = (coefficients[start + at] ?? 0) + value;
    });
  }
  return coefficients;
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
}

/** The best rate that any segment reached, as a machine's speed is commonly given. */
function headlineRate(samples: readonly SegmentSample[]): number {
  const rates = samples.map(
    ({ layers, computeMs }) => layers.reduce((sum, { flops }) => sum + flops, 0) / computeMs / 1e6,
  );
  return Math.max(...rates, 1e-6);
}

/** The median of each term over the kinds that only move elements. */
function withOthers(terms: Readonly<Record<string, KindTerms>>): Readonly<Record<string, KindTerms>> {
  const moving = MOVING_KINDS.flatMap((kind) => terms[kind] ?? []);
  if (moving.length === 0) return terms;
  const middle = (of: (terms: KindTerms) => number) =>
    moving.map(of).sort((a, b) => a - b)[Math.floor(moving.length / 2)] ?? 0;
  const other: KindTerms = {
    constantMs: middle((of) => of.constantMs),
    msPerFlop: middle((of) => of.msPerFlop),
    msPerInputByte: middle((of) => of.msPerInputByte),
    msPerOutputByte: middle((of) => of.msPerOutputByte),
    msPerWeightByte: middle((of) => of.msPerWeightByte),
  };
  return { ...terms, [OTHER_KINDS]: other };
}
