import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { Infeasible, Problem } from '../problem.ts';

/** What pins, kept layers and missing tiers leave of each layer's choice. */
export interface AllowedTiers {
  /** Per layer, bit t set when it may lie on tier t; paths of the graph are respected already. */
  readonly masks: Int32Array;
  /** Tiers that may hold a layer, ascending. */
  readonly available: readonly number[];
}

/**
 * The tiers each layer may lie on (SPEC.md, P3 to P5), memory caps aside. Every layer keeps at least one, and choosing
 * each layer's lowest (or each layer's highest) is an assignment that never decreases along an edge.
 */
export function allowedTiers(problem: Problem, graph: PreparedGraph): AllowedTiers | Infeasible {
  const { masks, reasons } = ownMasks(problem, graph);
  const available = availableTiers(problem);
  if (reasons.size === 0 && available.length > 0) return { masks, available };
  const propagated = propagate(masks, graph);
  if (propagated !== null) return { infeasible: describe(problem, propagated, reasons) };
  return { masks, available };
}

/** Tiers that may hold layers. */
export function availableTiers(problem: Problem): number[] {
  const unavailable = new Set(problem.constraints.unavailable ?? []);
  return problem.tiers.flatMap((name, tier) => (unavailable.has(name) ? [] : [tier]));
}

function ownMasks(problem: Problem, graph: PreparedGraph): { masks: Int32Array; reasons: Map<number, string> } {
  const every = availableTiers(problem).reduce((mask, tier) => mask | (1 << tier), 0);
  const masks = new Int32Array(problem.layers.length).fill(every);
  const reasons = new Map<number, string>();
  const keep = problem.constraints.keepOnDevice ?? 0;
  const pin = problem.constraints.pin ?? {};
  if (keep === 0 && Object.keys(pin).length === 0) return { masks, reasons };
  problem.layers.forEach((layer, index) => {
    if (keep > 0 && (index < keep || graph.readsInput[index] === 1)) {
      masks[index] = (masks[index] ?? 0) & 1;
      reasons.set(index, `keepOnDevice ${keep} holds it on '${problem.tiers[0]}'`);
    }
    if (Object.hasOwn(pin, layer.name)) {
      masks[index] = (masks[index] ?? 0) & (1 << problem.tiers.indexOf(pin[layer.name] ?? ''));
      reasons.set(index, `it is pinned to '${pin[layer.name]}'`);
    }
  });
  return { masks, reasons };
}

/**
 * Removes, in place, the tiers that a predecessor or successor rules out.
 *
 * @returns the first layer left without a tier, or null
 */
export function propagate(masks: Int32Array, graph: PreparedGraph): number | null {
  const { predecessors, successors } = graph;
  for (let layer = 0; layer < graph.layerCount; layer++) {
    let mask = masks[layer] ?? 0;
    for (let at = predecessors.start[layer] ?? 0; at < (predecessors.start[layer + 1] ?? 0); at++) {
      const before = masks[predecessors.items[at] ?? 0] ?? 0;
      mask &= -(before & -before);
    }
    masks[layer] = mask;
    if (mask === 0) return layer;
  }
  for (let layer = graph.layerCount - 1; layer >= 0; layer--) {
    let mask = masks[layer] ?? 0;
    for (let at = successors.start[layer] ?? 0; at < (successors.start[layer + 1] ?? 0); at++) {
      const after = masks[successors.items[at] ?? 0] ?? 0;
      mask &= 2 ** (32 - Math.clz32(after)) - 1;
    }
    masks[layer] = mask;
    if (mask === 0) return layer;
  }
  return null;
}

function describe(problem: Problem, layer: number, reasons: ReadonlyMap<number, string>): string {
  const own = reasons.get(layer) ?? 'a layer it reads from is held further from the user';
  const missing = problem.constraints.unavailable ?? [];
  const tail = missing.length > 0 ? ` (unavailable: ${missing.join(', ')})` : '';
  return `layer '${problem.layers[layer]?.name}' has no tier left: ${own}, which the other constraints exclude${tail}`;
}
