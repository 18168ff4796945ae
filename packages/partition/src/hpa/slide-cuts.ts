import type { Ledger } from '../objective/ledger.ts';
import type { Levels } from './levels.ts';

/** Rounds over the cuts before sliding stops, better or not. */
const ROUNDS = 4;

/** What cuts are slid over. */
export interface SlideScope {
  readonly levels: Levels;
  readonly masks: Int32Array;
  readonly stations: readonly number[];
  /** What is to become the least. */
  readonly cost: (ledger: Ledger) => number;
}

/**
 * Cuts the levels between stations, and slides one cut after the other to where the cost is least, until all lie well: for
 * streams and memory caps, where sums do not decide. A layer that may not lie on its level's station lies as near to it as it
 * may.
 *
 * @param ledger - all on the first station; left at the cuts found
 */
export function slideCuts(ledger: Ledger, scope: SlideScope): void {
  const last = scope.levels.count;
  const cuts = scope.stations.slice(1).map(() => last);
  for (let level = 0; level < last; level++) put(ledger, scope, { level, station: 0 });
  let bestMs = scope.cost(ledger);
  /** Moves a cut from end to end of its room, then to where it was best. */
  const slide = (cut: number): void => {
    const [from, to] = [cuts[cut - 1] ?? 0, cuts[cut + 1] ?? last];
    let best = cuts[cut] ?? last;
    const tryAt = (at: number): void => {
      const ms = scope.cost(ledger);
      if (ms < bestMs) [best, bestMs] = [at, ms];
    };
    for (let level = best; level < to; level++) {
      put(ledger, scope, { level, station: cut });
      tryAt(level + 1);
    }
    for (let level = to - 1; level >= from; level--) {
      put(ledger, scope, { level, station: cut + 1 });
      tryAt(level);
    }
    for (let level = from; level < best; level++) put(ledger, scope, { level, station: cut });
    cuts[cut] = best;
  };
  for (let round = 0, beforeMs = Number.POSITIVE_INFINITY; round < ROUNDS && bestMs < beforeMs; round++) {
    beforeMs = bestMs;
    for (let cut = 0; cut < cuts.length; cut++) slide(cut);
  }
}

/** Puts a level's layers on a station, or as near to it as they may lie. */
function put(
  ledger: Ledger,
  { levels, masks, stations }: SlideScope,
  { level, station }: { level: number; station: number },
): void {
  const { start, items } = levels.layers;
  for (const layer of items.subarray(start[level], start[level + 1])) {
    const mask = masks[layer] ?? 0;
    const [nearest, furthest] = [31 - Math.clz32(mask & -mask), 31 - Math.clz32(mask)];
    ledger.move(layer, Math.min(Math.max(stations[station] ?? 0, nearest), furthest));
  }
}
