import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { Ledger } from '../objective/ledger.ts';
import type { Problem } from '../problem.ts';
import type { AllowedTiers } from '../verify/allowed-tiers.ts';
import type { Levels } from './levels.ts';

/** What placing layers by level needs. */
export interface PlaceScope {
  readonly graph: PreparedGraph;
  readonly levels: Levels;
  readonly allowed: AllowedTiers;
}

/**
 * HPA's plain greedy: level by level, each layer goes where its own time and the transfer of its inputs add up to the least,
 * on a tier no nearer than any it reads from. Then SIS: siblings whose inputs have meanwhile been sent on are tested again.
 *
 * @returns the account of the assignment
 */
export function placeByLevel(problem: Problem, { graph, levels, allowed }: PlaceScope): Ledger {
  /** What is not placed yet lies on the first tier: it costs the same wherever the next layer goes. */
  const ledger = new Ledger({ ...problem, objective: 'latency' }, graph, new Array<number>(graph.layerCount).fill(0));
  const { predecessors } = graph;
  const place = (layer: number): number => {
    const before = predecessors.items.subarray(predecessors.start[layer], predecessors.start[layer + 1]);
    const nearest = before.reduce((tier, other) => Math.max(tier, ledger.tierOf(other)), 0);
    let best = nearest;
    let leastMs = Number.POSITIVE_INFINITY;
    for (const tier of allowed.available) {
      if (tier < nearest || ((allowed.masks[layer] ?? 0) & (1 << tier)) === 0) continue;
      ledger.move(layer, tier);
      const ms = ledger.objectiveMs();
      if (ms < leastMs) [best, leastMs] = [tier, ms];
    }
    ledger.move(layer, best);
    return best;
  };
  const { start, items } = levels.layers;
  for (let level = 0; level < levels.count; level++) {
    const siblings = items.subarray(start[level], start[level + 1]);
    if (new Set(siblings.map(place)).size > 1) siblings.forEach(place);
  }
  return ledger;
}
