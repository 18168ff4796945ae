/** A look counts for the time since the one before it, but not for more than this. */
const LONGEST_LOOK_MS = 2000;
const MOST_DAMPING = 16;

/**
 * Weighs what staying loses against what a wrong switch would cost. A switch is due when the time that the other plan would have
 * saved adds up to a share of that cost: nothing that comes and goes quickly reaches it, whatever lasts does soon. The share grows
 * when switches turn out to have lost time, and shrinks again when they win.
 */
export class Evidence {
  readonly #patience: number;
  #damping = 1;
  #lastMs: number | undefined;
  /** Time that another plan would have saved of late. */
  #lostMs = 0;
  /** What the last switch has won so far. */
  #wonMs = 0;

  /** @param patience - share of a wrong switch's cost that must be lost before a switch, undamped */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /** Time lost that justifies a switch of which a wrong one costs `riskMs`. */
  neededMs(riskMs: number): number {
    return riskMs * this.#patience * this.#damping;
  }

  get lostMs(): number {
    return this.#lostMs;
  }

  /**
   * Takes a look.
   *
   * @param gain - share of the live plan's time that the best other plan would save; negative when the live one is the best
   * @param won - share of the time of the plan before that the live plan saves; absent when there is none
   */
  look(nowMs: number, gain: number, won: number | undefined): void {
    const passedMs = Math.min(LONGEST_LOOK_MS, nowMs - (this.#lastMs ?? nowMs));
    this.#lastMs = nowMs;
    this.#lostMs = Math.max(0, this.#lostMs + gain * passedMs);
    this.#wonMs += (won ?? 0) * passedMs;
  }

  /** A switch went live: the one before it is judged by what it won. */
  switched(nowMs: number, riskMs: number): void {
    if (this.#wonMs < 0) this.#damping = Math.min(MOST_DAMPING, this.#damping * 2);
    else if (this.#wonMs > riskMs) this.#damping = Math.max(1, this.#damping / 2);
    this.#lostMs = 0;
    this.#wonMs = 0;
    this.#lastMs = nowMs;
  }
}
