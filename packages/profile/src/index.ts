/**
 * Measurements of tiers and links, turned into the costs that a planner needs.
 *
 * @packageDocumentation
 */
export type { LinkEstimate, TierProfile } from './tier-profile.ts';
