import type { Problem } from '../problem.ts';

/** What has left its band. */
export interface Change {
  /** Hop indices. */
  readonly links: readonly number[];
  /** Layer indices. */
  readonly layers: readonly number[];
  /** The largest change of any cost, as a factor ≥ 1 either way. */
  readonly factor: number;
}

/** How far a cost may drift, as a factor either way, before a plan is adjusted. */
export const BAND_FACTOR = 1.25;

/**
 * What differs between the problem that a plan was made for and now, by more than the band (SPEC.md, R1).
 *
 * @param factor - width of the band, more than 1
 * @returns null when everything is within its band
 */
export function changeBeyondBands(then: Problem, now: Problem, factor: number = BAND_FACTOR): Change | null {
  const drift = new Drift(factor);
  const links = now.hops.flatMap((hop, index) => {
    const before = then.hops[index];
    const outside =
      before === undefined ||
      [
        drift.leaves(hop.upBytesPerMs, before.upBytesPerMs),
        drift.leaves(hop.downBytesPerMs, before.downBytesPerMs),
        drift.leaves(hop.delayMs, before.delayMs),
      ].includes(true);
    return outside ? [index] : [];
  });
  const layers: number[] = [];
  if (now.layers !== then.layers) {
    now.layers.forEach((layer, index) => {
      const before = then.layers[index]?.computeMs ?? [];
      const outside = layer.computeMs.map((ms, tier) => drift.leaves(ms, before[tier] ?? 0));
      if (outside.includes(true)) layers.push(index);
    });
  }
  return links.length + layers.length === 0 ? null : { links, layers, factor: drift.largest };
}

class Drift {
  readonly #factor: number;
  largest = 1;

  constructor(factor: number) {
    this.#factor = factor;
  }

  leaves(now: number, before: number): boolean {
    if (now === before) return false;
    const ratio = Math.max(now, before) / Math.min(now, before);
    this.largest = Math.max(this.largest, ratio);
    return ratio > this.#factor;
  }
}
