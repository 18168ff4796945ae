import type { Problem } from '../problem.ts';
import { dads } from './dads.ts';
import { hpa } from './hpa.ts';
import { neurosurgeon } from './neurosurgeon.ts';
import { optimal } from './optimal.ts';
import { singleTier } from './single-tier.ts';
import type { Strategy } from './strategy.ts';

/**
 * Every strategy for a problem, simplest first: when several find the same plan, the first of them is named.
 */
export function strategiesFor(problem: Problem): readonly Strategy[] {
  return [...problem.tiers.map(singleTier), optimal, hpa, dads, neurosurgeon];
}
