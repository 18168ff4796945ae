/** How long a round trip is remembered; the shortest of these counts. */
const WINDOW_MS = 15_000;
/** Fewer than this many are remembered for longer. */
const LEAST = 3;
const MOST = 64;

/** The shortest round trip of late: whatever made the others longer was no delay of the link. */
export class RoundTrip {
  #seen: { readonly ms: number; readonly atMs: number }[] = [];

  /** The shortest; undefined before the first. */
  get ms(): number | undefined {
    return this.#seen.length === 0 ? undefined : Math.min(...this.#seen.map((each) => each.ms));
  }

  observe(ms: number, atMs: number): void {
    this.#seen.push({ ms, atMs });
    const recent = this.#seen.filter((each) => each.atMs > atMs - WINDOW_MS);
    this.#seen = (recent.length < LEAST ? this.#seen.slice(-LEAST) : recent).slice(-MOST);
  }
}
