import type { KindTerms, TierProfile } from '../tier-profile.ts';

/**
 * The profile of the same tier slowed by `factor` more: every time in the backend longer, every rate lower, `slowdown` so much larger.
 */
export function slowProfile(profile: TierProfile, factor: number): TierProfile {
  const { terms, gflops, fixedMs, slowdown, handoffMs = 0 } = profile;
  return {
    ...profile,
    gflops: gflops / factor,
    fixedMs: (fixedMs - handoffMs) * factor + handoffMs,
    slowdown: slowdown * factor,
    ...(terms !== undefined && {
      terms: Object.fromEntries(Object.entries(terms).map(([kind, of]) => [kind, scaleTerms(of, factor)])),
    }),
  };
}

/** The terms of a kind that takes `factor` times as long. */
export function scaleTerms(terms: KindTerms, factor: number): KindTerms {
  return {
    constantMs: terms.constantMs * factor,
    msPerFlop: terms.msPerFlop * factor,
    msPerInputByte: terms.msPerInputByte * factor,
    msPerOutputByte: terms.msPerOutputByte * factor,
    msPerWeightByte: terms.msPerWeightByte * factor,
  };
}
