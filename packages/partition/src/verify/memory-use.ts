import type { Assignment, Problem } from '../problem.ts';

/** Bytes of weights on each tier; a weight that two of its layers share counts once (SPEC.md, P6). */
export function memoryUse(problem: Problem, tierOf: Assignment): number[] {
  const used = problem.tiers.map(() => 0);
  const seen = problem.tiers.map(() => new Set<string>());
  problem.layers.forEach((layer, index) => {
    const tier = tierOf[index] ?? 0;
    if (layer.weights === undefined) used[tier] = (used[tier] ?? 0) + layer.weightBytes;
    for (const weight of layer.weights ?? []) {
      if (seen[tier]?.has(weight.id)) continue;
      seen[tier]?.add(weight.id);
      used[tier] = (used[tier] ?? 0) + weight.bytes;
    }
  });
  return used;
}
