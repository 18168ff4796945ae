import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { Ledger } from '../objective/ledger.ts';
import type { Levels } from './levels.ts';

/** What sliding may do. */
export interface SlideScope {
  readonly graph: PreparedGraph;
  readonly levels: Levels;
  readonly masks: Int32Array;
  /** Tiers that layers may be moved to, ascending. */
  readonly tiers: readonly number[];
  /** Passes over the branches at most. */
  readonly passes: number;
  /** Whether an assignment that costs less may be kept; always by default. */
  readonly fits?: (ledger: Ledger) => boolean;
}

/** An improvement smaller than this share is rounding. */
const GAIN = 1e-12;

/**
 * HPA's second pass: along each branch whose ends lie on different tiers, finds the best place for each cut, the rest of
 * the network being as it is; again until nothing moves. This is SIS carried over whole branches.
 *
 * @returns number of layers looked at
 */
export function slideBranches(ledger: Ledger, scope: SlideScope): number {
  const { start } = scope.levels.branches;
  let looked = 0;
  let bestMs = ledger.objectiveMs();
  for (let pass = 0; pass < scope.passes; pass++) {
    const beforeMs = bestMs;
    for (let branch = 0; branch < start.length - 1; branch++) {
      const slid = slideBranch(ledger, { scope, branch, bestMs });
      looked += slid.looked;
      bestMs = slid.ms;
    }
    if (bestMs >= beforeMs * (1 - GAIN)) break;
  }
  return looked;
}

/** The furthest tier that a layer reads from; the first when it reads no layer. */
function furthestBefore(ledger: Ledger, { predecessors: { start, items } }: PreparedGraph, layer: number): number {
  let near = 0;
  for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++)
    near = Math.max(near, ledger.tierOf(items[at] ?? 0));
  return near;
}

/** The nearest tier that reads a layer; beyond all when none does. */
function nearestAfter(ledger: Ledger, { successors: { start, items } }: PreparedGraph, layer: number): number {
  let far = Number.POSITIVE_INFINITY;
  for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++)
    far = Math.min(far, ledger.tierOf(items[at] ?? 0));
  return far;
}

interface Slide {
  readonly scope: SlideScope;
  readonly layers: Int32Array;
  readonly near: number;
  readonly far: number;
  readonly bestMs: number;
}

/** Finds the best place for each cut along one branch. Returns the objective it then has, and how many layers it is. */
export function slideBranch(
  ledger: Ledger,
  { scope, branch, bestMs }: { readonly scope: SlideScope; readonly branch: number; readonly bestMs: number },
): { ms: number; looked: number } {
  const { start, items } = scope.levels.branches;
  const [from, to] = [start[branch] ?? 0, start[branch + 1] ?? 0];
  const near = furthestBefore(ledger, scope.graph, items[from] ?? 0);
  const far = nearestAfter(ledger, scope.graph, items[to - 1] ?? 0);
  if (near >= far) return { ms: bestMs, looked: 0 };
  const layers = items.subarray(from, to);
  const tiers = scope.tiers.filter((tier) => tier >= near && tier <= far);
  let ms = bestMs;
  for (let index = 0; index + 1 < tiers.length; index++) {
    ms = slideCut(ledger, { scope, layers, near: tiers[index] ?? 0, far: tiers[index + 1] ?? 0, bestMs: ms });
  }
  for (let index = tiers.length - 2; index > 0; index--) {
    ms = slideCut(ledger, { scope, layers, near: tiers[index - 1] ?? 0, far: tiers[index] ?? 0, bestMs: ms });
  }
  return { ms, looked: layers.length };
}

/** Tries every cut between two tiers over the part of the branch that lies on either. */
function slideCut(ledger: Ledger, { scope, layers, near, far, bestMs }: Slide): number {
  const part = layers.filter((layer) => ledger.tierOf(layer) >= near && ledger.tierOf(layer) <= far);
  const before = Array.from(part, (layer) => ledger.tierOf(layer));
  for (const layer of part) ledger.move(layer, far);
  let best = -1;
  let ms = bestMs;
  let allowed = Array.from(part, (layer) => (scope.masks[layer] ?? 0) & (1 << far)).filter((bit) => bit === 0).length;
  for (let cut = 0; cut <= part.length; cut++) {
    const cost = allowed === 0 ? ledger.objectiveMs() : Number.POSITIVE_INFINITY;
    if (cost < ms * (1 - GAIN) && (scope.fits?.(ledger) ?? true)) [best, ms] = [cut, cost];
    const layer = part[cut];
    if (layer === undefined) break;
    const mask = scope.masks[layer] ?? 0;
    if ((mask & (1 << far)) === 0) allowed--;
    if ((mask & (1 << near)) === 0) break;
    ledger.move(layer, near);
  }
  part.forEach((layer, index) => {
    ledger.move(layer, best < 0 ? (before[index] ?? 0) : index < best ? near : far);
  });
  return best < 0 ? bestMs : ms;
}
