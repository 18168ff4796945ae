import type { KindTerms } from '../tier-profile.ts';
import { BOUNDARY, type LayerCost } from './layer-cost.ts';

/** How many features a layer has: a constant, FLOPs, and bytes read, written and of weights. */
export const FEATURES = 5;

/** A layer's features, in the order of {@link termValues}. A boundary has no constant: that is the tier's fixed time. */
export function layerFeatures({ kind, flops, inputBytes, outputBytes, weightBytes }: LayerCost): readonly number[] {
  return [kind === BOUNDARY ? 0 : 1, flops, inputBytes, outputBytes, weightBytes];
}

/** A kind's terms in the order of {@link layerFeatures}. */
export function termValues(terms: KindTerms): readonly number[] {
  return [terms.constantMs, terms.msPerFlop, terms.msPerInputByte, terms.msPerOutputByte, terms.msPerWeightByte];
}

/** Terms from values in the order of {@link layerFeatures}. */
export function termsOf(values: ArrayLike<number>): KindTerms {
  return {
    constantMs: values[0] ?? 0,
    msPerFlop: values[1] ?? 0,
    msPerInputByte: values[2] ?? 0,
    msPerOutputByte: values[3] ?? 0,
    msPerWeightByte: values[4] ?? 0,
  };
}
