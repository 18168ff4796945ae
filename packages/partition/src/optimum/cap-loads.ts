import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { Problem } from '../problem.ts';

/**
 * Weight of each layer as a share of each tier's cap, `[layer * tiers + tier]`; empty without caps. Shared weights are shared
 * out, so that their sum over a tier never exceeds what the tier really holds.
 */
export function capLoads(problem: Problem, { layerCount, weights, weightBytes }: PreparedGraph): Float64Array {
  const caps = problem.constraints.memoryBytes ?? [];
  const tiers = caps.length;
  const loads = new Float64Array(layerCount * tiers);
  const sharers = new Float64Array(weightBytes.length);
  for (const weight of weights.items) sharers[weight] = (sharers[weight] ?? 0) + 1;
  for (let at = 0; at < loads.length; at++) {
    const layer = Math.floor(at / tiers);
    const cap = caps[at % tiers] ?? 0;
    for (const weight of weights.items.subarray(weights.start[layer], weights.start[layer + 1])) {
      if (cap > 0) loads[at] = (loads[at] ?? 0) + (weightBytes[weight] ?? 0) / (sharers[weight] ?? 1) / cap;
    }
  }
  return loads;
}

/** Per tier, its weights over its cap, less one; 0 where there is no cap. */
export function capExcess(problem: Problem, loads: Float64Array, tierOf: readonly number[]): number[] {
  const caps = problem.constraints.memoryBytes ?? [];
  const excess: number[] = caps.map((cap) => ((cap ?? 0) > 0 ? -1 : 0));
  if (caps.length > 0) {
    tierOf.forEach((tier, layer) => {
      excess[tier] = (excess[tier] ?? 0) + (loads[layer * caps.length + tier] ?? 0);
    });
  }
  return excess;
}
