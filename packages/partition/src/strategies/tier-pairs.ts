import type { Problem } from '../problem.ts';

/** Every pair of tiers, nearer first; a lone tier is paired with itself. */
export function tierPairs(tiers: readonly number[]): (readonly [number, number])[] {
  const [only] = tiers;
  if (only !== undefined && tiers.length === 1) return [[only, only]];
  return tiers.flatMap((near, index) => tiers.slice(index + 1).map((far) => [near, far] as const));
}

/** The same problem with every tier but two unavailable; the others may still relay. */
export function betweenOnly(problem: Problem, pair: readonly [number, number]): Problem {
  const unavailable = problem.tiers.filter((_, tier) => !pair.includes(tier));
  return { ...problem, constraints: { ...problem.constraints, unavailable } };
}
