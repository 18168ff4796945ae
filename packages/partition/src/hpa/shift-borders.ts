import type { Lists, PreparedGraph } from '../graph/prepare-graph.ts';
import type { Ledger } from '../objective/ledger.ts';
import type { SlideScope } from './slide-branches.ts';

/** More layers than this do not shift together. */
const TOGETHER = 24;
const GAIN = 1e-12;

/**
 * Moves layers at a border to the other side of it, together with those that must follow (what reads them, or what they
 * read), while that helps: what sliding one branch at a time cannot see where branches share a tensor.
 *
 * @returns number of layers looked at
 */
export function shiftBorders(ledger: Ledger, scope: SlideScope): number {
  let looked = 0;
  let bestMs = ledger.objectiveMs();
  for (let pass = 0; pass < scope.passes && !ledger.isWhole(); pass++) {
    const beforeMs = bestMs;
    for (const layer of borderLayers(ledger, scope.graph)) {
      for (const direction of [1, -1] as const) {
        const tier = borderTier(ledger, scope, { layer, direction });
        if (tier < 0) continue;
        looked++;
        bestMs = shift(ledger, scope, { seeds: [layer], tier, direction, bestMs });
      }
    }
    for (const tensor of scope.levels.forks) {
      const seeds = readersBeyond(ledger, scope.graph, tensor);
      if (seeds.length < 2) continue;
      looked += seeds.length;
      bestMs = shift(ledger, scope, { seeds, tier: writerTier(ledger, scope.graph, tensor), direction: -1, bestMs });
    }
    if (bestMs >= beforeMs * (1 - GAIN)) break;
  }
  return looked;
}

/** Layers with a neighbour on another tier, ascending. */
function borderLayers(ledger: Ledger, { layerCount, successors: { start, items } }: PreparedGraph): number[] {
  const found = new Set<number>();
  for (let layer = 0; layer < layerCount; layer++) {
    const own = ledger.tierOf(layer);
    for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++) {
      const next = items[at] ?? 0;
      if (ledger.tierOf(next) !== own) found.add(layer).add(next);
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** The nearest other tier among a layer's readers (direction 1) or those it reads (-1); -1 if all are on its own. */
function borderTier(
  ledger: Ledger,
  { graph }: SlideScope,
  { layer, direction }: { layer: number; direction: 1 | -1 },
): number {
  const { start, items } = direction === 1 ? graph.successors : graph.predecessors;
  const own = ledger.tierOf(layer);
  let nearest = -1;
  for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++) {
    const tier = ledger.tierOf(items[at] ?? 0);
    if (tier !== own && (nearest < 0 || (tier - nearest) * direction < 0)) nearest = tier;
  }
  return nearest;
}

function writerTier(ledger: Ledger, { producerOf }: PreparedGraph, tensor: number): number {
  const writer = producerOf[tensor] ?? -1;
  return writer < 0 ? 0 : ledger.tierOf(writer);
}

/** The readers of a tensor that lie beyond its writer: they pay for it together. */
function readersBeyond(ledger: Ledger, graph: PreparedGraph, tensor: number): number[] {
  const { start, items } = graph.readers;
  const own = writerTier(ledger, graph, tensor);
  const beyond: number[] = [];
  for (let at = start[tensor] ?? 0; at < (start[tensor + 1] ?? 0); at++) {
    const reader = items[at] ?? 0;
    if (ledger.tierOf(reader) > own) beyond.push(reader);
  }
  return beyond;
}

interface Shift {
  readonly seeds: readonly number[];
  readonly tier: number;
  readonly direction: 1 | -1;
  readonly bestMs: number;
}

function shift(ledger: Ledger, scope: SlideScope, { seeds, tier, direction, bestMs }: Shift): number {
  const follow = direction === 1 ? scope.graph.successors : scope.graph.predecessors;
  const together = closure(ledger, { follow, masks: scope.masks, seeds, tier, direction });
  if (together === null) return bestMs;
  const before = together.map((member) => ledger.tierOf(member));
  for (const member of together) ledger.move(member, tier);
  const ms = ledger.objectiveMs();
  if (ms < bestMs * (1 - GAIN)) return ms;
  together.forEach((member, index) => {
    ledger.move(member, before[index] ?? 0);
  });
  return bestMs;
}

/** Some layers and all that must come along to a tier; null when they are too many or one may not lie there. */
function closure(
  ledger: Ledger,
  {
    follow,
    masks,
    seeds,
    tier,
    direction,
  }: { follow: Lists; masks: Int32Array; seeds: readonly number[]; tier: number; direction: 1 | -1 },
): number[] | null {
  const together = [...seeds];
  for (let index = 0; index < together.length; index++) {
    const member = together[index] ?? 0;
    if (((masks[member] ?? 0) & (1 << tier)) === 0 || together.length > TOGETHER) return null;
    for (let at = follow.start[member] ?? 0; at < (follow.start[member + 1] ?? 0); at++) {
      const next = follow.items[at] ?? 0;
      if ((tier - ledger.tierOf(next)) * direction > 0 && !together.includes(next)) together.push(next);
    }
  }
  return together;
}
