/** TCP's first window: ten segments (RFC 6928). */
export const INITIAL_WINDOW_BYTES: number = 14_600;
/** Of a full segment. */
export const SEGMENT_BYTES: number = 1460;

/** After this long without traffic a connection begins with the first window again (RFC 5681, section 4.1). */
export const IDLE_MS = 1000;

/** A connection, as far as its ramp goes. */
export interface RampPath {
  readonly bytesPerMs: number;
  readonly roundTripMs: number;
  /** Bytes carried since the connection was last idle: each of them has widened the window by as much. */
  readonly warmBytes?: number;
  /** The window never grows past it; without end by default. */
  readonly windowBytes?: number;
}

/**
 * Milliseconds that a transfer waits for acknowledgements because TCP's window is shut: the window starts at ten segments and
 * doubles each round trip (RFC 5681) until a round trip no longer suffices to send it.
 *
 * @returns 0 for a connection that carried more than rate × round trip since it was idle
 */
export function rampStallMs(bytes: number, path: RampPath): number {
  const { bytesPerMs, roundTripMs, warmBytes = 0, windowBytes = Number.POSITIVE_INFINITY } = path;
  const roundMs = roundTripMs + SEGMENT_BYTES / bytesPerMs;
  let window = Math.min(INITIAL_WINDOW_BYTES + warmBytes, windowBytes);
  let sent = 0;
  let stalledMs = 0;
  while (sent + window < bytes && window < bytesPerMs * roundMs) {
    const waitMs = roundMs - window / bytesPerMs;
    sent += window;
    if (window >= windowBytes) return stalledMs + waitMs * Math.ceil((bytes - sent) / window);
    stalledMs += waitMs;
    window = Math.min(2 * window, windowBytes);
  }
  return stalledMs;
}

/** Milliseconds from a transfer's first byte to its last at the receiver, on an otherwise idle link. */
export function rampTransferMs(bytes: number, path: RampPath): number {
  return rampStallMs(bytes, path) + bytes / path.bytesPerMs;
}

/**
 * What is known of one direction's window on one connection: how much of the ramp is behind it. A window grows by what a burst
 * carried, but never past twice the burst, and is forgotten after {@link IDLE_MS} without traffic.
 */
export class Warmth {
  #bytes = 0;
  #activeMs = Number.NEGATIVE_INFINITY;

  /** Bytes by which the window is wider than at first, for a burst that starts now. */
  at(nowMs: number): number {
    return nowMs - this.#activeMs > IDLE_MS ? 0 : this.#bytes;
  }

  /** For how long nothing has crossed. */
  idleMs(nowMs: number): number {
    return nowMs - this.#activeMs;
  }

  /** Something crossed, or still does. */
  touch(nowMs: number): void {
    this.#bytes = this.at(nowMs);
    this.#activeMs = Math.max(this.#activeMs, nowMs);
  }

  /**
   * A burst has crossed: it widened the window as far as it filled it.
   *
   * @param underWay - how much of it was under way at most; by default its sender had all of it at hand
   */
  carried(bytes: number, nowMs: number, underWay: number = bytes): void {
    const before = INITIAL_WINDOW_BYTES + this.#bytes;
    const most = Math.max(before, 2 * underWay);
    const window = widened(before, bytes);
    this.#bytes = Math.min(window, most) - INITIAL_WINDOW_BYTES;
    this.#activeMs = Math.max(this.#activeMs, nowMs);
  }
}

/**
 * A window after a burst. Each acknowledgement lets twice as much follow; once all is sent, they go on to count while half of the window
 * is under way.
 */
function widened(window: number, bytes: number): number {
  if (bytes <= window) return window + Math.max(0, 2 * bytes - window) / 3;
  let left = bytes - window;
  let grown = window;
  while (left >= 2 * grown) {
    left -= 2 * grown;
    grown *= 2;
  }
  return ((grown + left / 2) * 4) / 3;
}
