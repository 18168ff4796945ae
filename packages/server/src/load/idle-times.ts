import type { LayerCost } from '@d3/profile';

/** A segment, as far as its time goes. */
export interface TimedSegment {
  readonly layers: readonly LayerCost[];
  /** Least that it took lately: what it takes when the machine is its own. */
  readonly leastMs: number;
}

interface Entry extends TimedSegment {
  readonly atMs: number;
}

/** What a segment took at least is believed half as much after so long, since clocks and versions change. */
const FORGET_MS = 600_000;
const MAX_SEGMENTS = 64;

/** What segments take on an idle machine, from what they took at all. */
export class IdleTimes {
  readonly #entries = new Map<string, Entry>();

  /** Takes in a run of the segment with this id. */
  note(id: string, run: { readonly layers: readonly LayerCost[]; readonly ms: number; readonly atMs: number }): void {
    const { layers, ms, atMs } = run;
    const known = this.#entries.get(id);
    const least = known === undefined ? ms : known.leastMs * 2 ** ((atMs - known.atMs) / FORGET_MS);
    this.#entries.delete(id);
    this.#entries.set(id, { layers, leastMs: Math.min(ms, least), atMs });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MAX_SEGMENTS && oldest !== undefined) this.#entries.delete(oldest);
  }

  /** The segment that ran last. */
  get last(): TimedSegment | undefined {
    return [...this.#entries.values()].at(-1);
  }
}
