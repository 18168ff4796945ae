/**
 * Measurements of tiers and links, turned into the costs that a planner needs.
 *
 * @packageDocumentation
 */
export { buildProblem, type ProblemSources } from './build-problem.ts';
export { type SegmentObservation, TierCorrection } from './correction/tier-correction.ts';
export { type CostKind, costKind, type Spatial } from './cost/cost-kind.ts';
export { BOUNDARY, type CostGraph, type LayerCost, layerCost, layerCosts, segmentCosts } from './cost/layer-cost.ts';
export { OTHER_KINDS, predictLayerMs, predictSegmentMs } from './cost/predict-layer.ts';
export { slowProfile } from './cost/slow-profile.ts';
export { profileErrorTable } from './errors.ts';
export {
  encodeProfile,
  MAX_PROFILE_LENGTH,
  PROFILE_FORMAT,
  type ProfileKey,
  parseProfile,
  profileKey,
  type StoredProfile,
  tierProfile,
} from './file/profile-file.ts';
export { type FittedProfile, fitProfile, type SegmentSample } from './fit/fit-profile.ts';
export { steadyTimes } from './fit/steady-times.ts';
export * from './link/index.ts';
export type { KindTerms, LinkEstimate, TierLoad, TierProfile } from './tier-profile.ts';
