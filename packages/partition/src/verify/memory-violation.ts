import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { Assignment, Problem } from '../problem.ts';
import type { Violation } from './violation.ts';

/** The first tier whose weights exceed its cap; a weight that two of its layers share counts once (SPEC.md, P6). */
export function memoryViolation(
  { tiers, constraints }: Problem,
  tierOf: Assignment,
  { weights, weightBytes }: PreparedGraph,
): Violation | null {
  for (const [tier, cap] of (constraints.memoryBytes ?? []).entries()) {
    if (cap === null) continue;
    const held = new Set<number>();
    tierOf.forEach((own, layer) => {
      if (own !== tier) return;
      for (const weight of weights.items.subarray(weights.start[layer], weights.start[layer + 1])) held.add(weight);
    });
    let used = 0;
    for (const weight of held) used += weightBytes[weight] ?? 0;
    if (used > cap)
      return { rule: 'P6', fault: `tier '${tiers[tier]}' holds ${used} B of weights and its cap is ${cap} B` };
  }
  return null;
}
