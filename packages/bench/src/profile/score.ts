import type { Manifest } from '@d3/onnx';
import { predictSegmentMs, segmentCosts, TierCorrection } from '@d3/profile';
import { median } from '../split/median.ts';
import type { Measured } from './measure-network.ts';
import { randomSource } from './random-source.ts';

/** How well the segments of one network on one backend are predicted. */
export interface Score {
  readonly coldMedianError: number;
  /** Predicted over measured, less 1: the direction of the cold error. */
  readonly coldMedianBias: number;
  readonly warmMedianError: number;
  readonly segments: number;
  readonly wholeMs: number;
  readonly wholePredictedMs: number;
}

/** Requests after which the warm error is taken. */
const REQUESTS = 10;
/** Which segments those requests ran is drawn so often; the error is the median over all draws. */
const DRAWS = 20;

/**
 * Cold: every segment predicted by the calibration alone. Warm: ten requests, each of another segment, correct the profile; then the
 * segments that were not executed are predicted.
 */
export function scoreOf(
  manifest: Manifest,
  segments: readonly (readonly number[])[],
  { profile, times }: Measured,
): Score {
  const costs = segments.map((layers) => segmentCosts(manifest, layers));
  const wallOf = (at: number) => times[at]?.wallMs ?? Number.NaN;
  const ratios = costs.map((layers, at) => predictSegmentMs(profile, layers) / wallOf(at) - 1);
  const next = randomSource(11);
  const warm: number[] = [];
  for (let draw = 0; draw < DRAWS; draw++) {
    const correction = new TierCorrection(profile);
    const order = costs.map((_, at) => ({ at, key: next() })).sort((a, b) => a.key - b.key);
    for (const { at } of order.slice(0, REQUESTS)) {
      correction.observe({ layers: costs[at] ?? [], measuredMs: times[at]?.computeMs ?? 0, queueMs: 0 });
    }
    const corrected = correction.profile;
    for (const { at } of order.slice(REQUESTS)) {
      warm.push(Math.abs(predictSegmentMs(corrected, costs[at] ?? []) / wallOf(at) - 1));
    }
  }
  return {
    coldMedianError: median(ratios.map(Math.abs)),
    coldMedianBias: median(ratios),
    warmMedianError: median(warm),
    segments: costs.length,
    wholeMs: wallOf(0),
    wholePredictedMs: predictSegmentMs(profile, costs[0] ?? []),
  };
}
