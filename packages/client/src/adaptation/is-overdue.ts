/** Of what was expected: a request that takes longer by less is on time. */
const BAND = 1.25;
/** So much longer is noise. */
const NOISE_MS = 5;

/** A request that waits for an answer. */
export interface Waiting {
  /** What it was expected to take when it began. */
  readonly expectedMs: number;
  /** Since then. */
  readonly elapsedMs: number;
  /** Until its answer, by what is known now. */
  readonly leftMs: number;
}

/**
 * Whether something held a request up, so that running it anew on another plan may be worth it. A plan that would merely have
 * been better for it is none: what is under way as expected is not sent twice.
 */
export function isOverdue({ expectedMs, elapsedMs, leftMs }: Waiting): boolean {
  return elapsedMs + leftMs > BAND * expectedMs + NOISE_MS;
}
