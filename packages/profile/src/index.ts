/**
 * Measurements of tiers and links, turned into the costs that a planner needs.
 *
 * @packageDocumentation
 */
export { buildProblem, type ProblemSources } from './build-problem.ts';
export { profileErrorTable } from './errors.ts';
export * from './link/index.ts';
export type { LinkEstimate, TierProfile } from './tier-profile.ts';
