/** Which way bytes go: `up` is away from the user. */
export type LinkDirection = 'up' | 'down';

/** Bytes that came together, by the receiver's clock. */
export interface Arrival {
  /** Milliseconds since the transfer's start. */
  readonly ms: number;
  /** Bytes of it that had come by then. */
  readonly bytes: number;
}

/** One timed transfer over a link. Times are the receiver's, counted from the arrival of something small sent right before it. */
export interface Transfer {
  readonly direction: LinkDirection;
  readonly bytes: number;
  /** From its start to its last byte. */
  readonly ms: number;
  /** When it ended, by the estimator's clock. */
  readonly atMs: number;
  /** When its parts came, in order; the last is the whole. Without them it is taken to have flowed evenly. */
  readonly arrivals?: readonly Arrival[];
  /**
   * Bytes that the same connection had carried in this direction since it was last idle for a second. By default counted from the
   * transfers that the estimator was told of.
   */
  readonly warmBytes?: number;
  /** The sender passed it on as it came from elsewhere: the link is at least this fast. */
  readonly paced?: boolean;
  /** Made to measure the link: counts against the budget of probes, and is no sign of what requests transfer. */
  readonly probe?: boolean;
  /** Bytes that were under way at most; by default only TCP's window is in the way. */
  readonly windowBytes?: number;
}
