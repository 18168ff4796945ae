import type { KindTerms, TierProfile } from '../tier-profile.ts';
import { BOUNDARY, type LayerCost } from './layer-cost.ts';

/** Floating-point operations per millisecond at 1 GFLOP/s. */
const FLOPS_PER_MS = 1e6;

/** Terms under this name price the kinds of layer that have none of their own. */
export const OTHER_KINDS = 'other';

/**
 * Time of a layer on an idle tier, slowdown included: by the terms of its kind, else of {@link OTHER_KINDS}, else FLOPs over the rate. A
 * boundary without terms of its own costs nothing.
 */
export function predictLayerMs(profile: TierProfile, cost: LayerCost): number {
  const terms = profile.terms?.[cost.kind] ?? (cost.kind === BOUNDARY ? undefined : profile.terms?.[OTHER_KINDS]);
  return terms === undefined ? cost.flops / (profile.gflops * FLOPS_PER_MS) : termsMs(terms, cost);
}

/**
 * What a segment takes on a tier, by its profile and present load, without the wait for a worker.
 *
 * @param layers - as `segmentCosts` gives them
 */
export function predictSegmentMs(profile: TierProfile, layers: readonly LayerCost[]): number {
  const { fixedMs, handoffMs = 0, load } = profile;
  const computeMs = layers.reduce((sum, layer) => sum + predictLayerMs(profile, layer), fixedMs - handoffMs);
  return computeMs * (load?.scale ?? 1) + handoffMs;
}

/** A kind's linear model at one layer. */
function termsMs(terms: KindTerms, cost: LayerCost): number {
  return (
    terms.constantMs +
    cost.flops * terms.msPerFlop +
    cost.inputBytes * terms.msPerInputByte +
    cost.outputBytes * terms.msPerOutputByte +
    cost.weightBytes * terms.msPerWeightByte
  );
}
