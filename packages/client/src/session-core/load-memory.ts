/** For so long a load is believed as it was seen. */
const FRESH_MS = 2_000;
/** Its logarithm is half as much after so long, at first, and at last. */
const HALF_LIFE_MS = 5_000;
const MOST_HALF_LIFE_MS = 600_000;
/** Scales within this factor are the same. */
const BAND = 1.25;

/**
 * How much a load is still believed that was seen a while ago. What runs nowhere tells nothing of the load, and a device that was left
 * for its load would never be tried again: so it fades. One that is found as it was is believed for twice as long the next time.
 * A device that is faster than it was calibrated stays so.
 */
export class LoadMemory {
  #ranMs: number | undefined;
  #halfLifeMs = HALF_LIFE_MS;

  /** The scale to plan with. @param scale - as it was seen last */
  believed(scale: number, nowMs: number): number {
    if (scale <= 1 || this.#ranMs === undefined) return scale;
    const ageMs = Math.max(0, nowMs - this.#ranMs - FRESH_MS);
    return scale ** (0.5 ** (ageMs / this.#halfLifeMs));
  }

  /**
   * Something ran.
   *
   * @param ratio - of the time that it took to the one that was expected at `scale`
   * @param scale - as it was seen last before
   */
  ran(ratio: number, scale: number, nowMs: number): void {
    const faded = this.believed(scale, nowMs) < scale / BAND;
    this.#ranMs = nowMs;
    if (!faded) return;
    const same = ratio > 1 / BAND;
    this.#halfLifeMs = same ? Math.min(MOST_HALF_LIFE_MS, 2 * this.#halfLifeMs) : HALF_LIFE_MS;
  }
}
