/** How one direction of a link behaves. Every field has a default that leaves the bytes alone. */
export interface LinkShape {
  /** Rate; 0 is an outage, `Infinity` (the default) no limit. 1 Mbit/s is 125 bytes per ms. */
  readonly bytesPerMs?: number;
  /** One way. 0 by default. */
  readonly delayMs?: number;
  /** Each piece is late by up to this much more, uniformly; the order is kept. 0 by default. */
  readonly jitterMs?: number;
  /**
   * Bytes taken from a sender ahead of the link, per connection; a sender that is faster is stopped. The kernel's own socket
   * buffers come on top of it. 262,144 by default.
   */
  readonly bufferBytes?: number;
  /** TCP's slow start: 10 · 1460 bytes, doubled every round trip, and again after an idle second. false by default. */
  readonly slowStart?: boolean;
}

const DEFAULTS: Required<LinkShape> = {
  bytesPerMs: Number.POSITIVE_INFINITY,
  delayMs: 0,
  jitterMs: 0,
  bufferBytes: 1 << 18,
  slowStart: false,
};

/**
 * A shape with every field, the missing ones from `base`.
 *
 * @throws RangeError for a negative number or NaN, or a buffer under 1,460 bytes
 */
export function fillShape(shape: LinkShape, base: Required<LinkShape> = DEFAULTS): Required<LinkShape> {
  const filled = { ...base, ...shape };
  for (const field of ['bytesPerMs', 'delayMs', 'jitterMs'] as const) {
    if (!(filled[field] >= 0)) throw new RangeError(`${field} of a link is ${filled[field]} and must be at least 0`);
  }
  if (!(filled.bufferBytes >= 1460)) {
    throw new RangeError(`bufferBytes of a link is ${filled.bufferBytes} and must be at least 1460`);
  }
  return filled;
}
