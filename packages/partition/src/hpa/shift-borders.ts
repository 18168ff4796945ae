import type { Lists, PreparedGraph } from '../graph/prepare-graph.ts';
import type { Ledger } from '../objective/ledger.ts';
import { type SlideScope, slideBranch } from './slide-branches.ts';

/** More layers than this do not shift together. */
const TOGETHER = 24;
const FEW = 10;
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
    for (const tensor of scope.levels.forks) {
      const flipped = flipFork(ledger, scope, { tensor, bestMs });
      looked += flipped.looked;
      bestMs = flipped.ms;
    }
    if (bestMs >= beforeMs * (1 - GAIN)) break;
  }
  return looked;
}

/**
 * Moves any layer, with the few that must follow, one tier nearer or further while that helps: opens a border where there is
 * none. Dearer than {@link shiftBorders}, so it is for full plans.
 *
 * @returns whether it helped
 */
export function shiftAnywhere(ledger: Ledger, scope: SlideScope): boolean {
  const startMs = ledger.objectiveMs();
  let bestMs = startMs;
  for (let layer = 0; layer < scope.graph.layerCount; layer++) {
    for (const direction of [1, -1] as const) {
      const at = scope.tiers.indexOf(ledger.tierOf(layer)) + direction;
      const tier = scope.tiers[at];
      if (tier === undefined || trails(ledger, scope.graph, { layer, tier, direction })) continue;
      bestMs = shift(ledger, scope, { seeds: [layer], tier, direction, bestMs, most: FEW });
    }
  }
  return bestMs < startMs * (1 - GAIN);
}

/** Whether a single line of layers that must follow is too long already: a quick look before all of them are gathered. */
function trails(
  ledger: Ledger,
  { predecessors, successors }: PreparedGraph,
  { layer, tier, direction }: { layer: number; tier: number; direction: 1 | -1 },
): boolean {
  const { start, items } = direction === 1 ? successors : predecessors;
  let member = layer;
  for (let length = 0; length < FEW; length++) {
    const at = start[member] ?? 0;
    if (at === start[member + 1]) return false;
    member = items[at] ?? 0;
    if ((tier - ledger.tierOf(member)) * direction <= 0) return false;
  }
  return true;
}

/**
 * Sends a tensor on that several branches read and none has sent on yet: moves them all to the next tier, lets each slide
 * its cut now that the tensor is paid for, and keeps that if it is better.
 */
function flipFork(
  ledger: Ledger,
  scope: SlideScope,
  { tensor, bestMs }: { tensor: number; bestMs: number },
): { ms: number; looked: number } {
  const { graph, levels, tiers, masks } = scope;
  const own = writerTier(ledger, graph, tensor);
  const tier = tiers.find((other) => other > own);
  if (tier === undefined || readersBeyond(ledger, graph, tensor).length > 0) return { ms: bestMs, looked: 0 };
  const seeds = Array.from(graph.readers.items.subarray(graph.readers.start[tensor], graph.readers.start[tensor + 1]));
  const together = closure(ledger, { follow: graph.successors, masks, seeds, tier, direction: 1, most: TOGETHER });
  if (together === null) return { ms: bestMs, looked: 0 };
  const branches = [...new Set(together.map((member) => levels.branchOf[member] ?? 0))];
  const { start, items } = levels.branches;
  const touched = branches.flatMap((branch) => Array.from(items.subarray(start[branch], start[branch + 1])));
  const before = touched.map((layer) => ledger.tierOf(layer));
  for (const member of together) ledger.move(member, tier);
  let ms = ledger.objectiveMs();
  for (const branch of branches) ms = slideBranch(ledger, { scope, branch, bestMs: ms }).ms;
  if (ms < bestMs * (1 - GAIN) && (scope.fits?.(ledger) ?? true)) return { ms, looked: touched.length };
  touched.forEach((layer, index) => {
    ledger.move(layer, before[index] ?? 0);
  });
  return { ms: bestMs, looked: touched.length };
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
  /** Layers that may shift together. */
  readonly most?: number;
}

function shift(ledger: Ledger, scope: SlideScope, { seeds, tier, direction, bestMs, most = TOGETHER }: Shift): number {
  const follow = direction === 1 ? scope.graph.successors : scope.graph.predecessors;
  const together = closure(ledger, { follow, masks: scope.masks, seeds, tier, direction, most });
  if (together === null) return bestMs;
  const before = together.map((member) => ledger.tierOf(member));
  for (const member of together) ledger.move(member, tier);
  const ms = ledger.objectiveMs();
  if (ms < bestMs * (1 - GAIN) && (scope.fits?.(ledger) ?? true)) return ms;
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
    most,
  }: {
    follow: Lists;
    masks: Int32Array;
    seeds: readonly number[];
    tier: number;
    direction: 1 | -1;
    most: number;
  },
): number[] | null {
  const together = [...seeds];
  for (let index = 0; index < together.length; index++) {
    const member = together[index] ?? 0;
    if (((masks[member] ?? 0) & (1 << tier)) === 0 || together.length > most) return null;
    for (let at = follow.start[member] ?? 0; at < (follow.start[member + 1] ?? 0); at++) {
      const next = follow.items[at] ?? 0;
      if ((tier - ledger.tierOf(next)) * direction > 0 && !together.includes(next)) together.push(next);
    }
  }
  return together;
}
