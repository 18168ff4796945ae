import {
  fitEstimate,
  IDLE_MS,
  type LinkDirection,
  type LinkEstimate,
  type LinkRamp,
  type PlanBytes,
} from '@d3/profile';

/** A transfer that is under way and of which nothing was heard yet. */
export interface PendingTransfer {
  readonly direction: LinkDirection;
  readonly bytes: number;
  readonly sentMs: number;
}

/** What is known of a link, and what a plan would ask of it. */
export interface LinkOutlook {
  readonly nowMs: number;
  /** By the estimator: what has crossed. */
  readonly estimate: LinkEstimate;
  /** What requests of late found of TCP's ramp. */
  readonly ramp: LinkRamp;
  readonly pending: readonly PendingTransfer[];
  /** What the plan sends per request. */
  readonly bytes: PlanBytes;
  /** How long the connection would rest between two of its requests; absent: as requests of late found it. */
  readonly restMs?: number;
}

/**
 * The link as the requests of one plan will find it: TCP's ramp as it is for what they send and how often, and no faster than what
 * is under way for too long already shows it to be. An outage shows within the first seconds, although nothing is heard.
 */
export function expectedLink({ nowMs, estimate, ramp, pending, bytes, restMs }: LinkOutlook): LinkEstimate {
  const fit = fitEstimate(estimate, bytes, rampFor(ramp, restMs));
  const cap = (direction: LinkDirection, bytesPerMs: number) =>
    Math.min(bytesPerMs, stalledBytesPerMs(pending, direction, nowMs - 2 * estimate.delayMs) ?? bytesPerMs);
  return {
    upBytesPerMs: cap('up', fit.upBytesPerMs),
    downBytesPerMs: cap('down', fit.downBytesPerMs),
    delayMs: fit.delayMs,
  };
}

/**
 * The rate that a direction does not exceed, by what is under way.
 *
 * @param heardMs - what was sent before this moment should have been heard of, transfer time aside
 * @returns undefined when nothing was under way then
 */
export function stalledBytesPerMs(
  pending: readonly PendingTransfer[],
  direction: LinkDirection,
  heardMs: number,
): number | undefined {
  const rates = pending
    .filter((transfer) => transfer.direction === direction && transfer.sentMs < heardMs)
    .map(({ bytes, sentMs }) => bytes / (heardMs - sentMs));
  return rates.length === 0 ? undefined : Math.min(...rates);
}

/** A connection that rests for less than a second keeps the window that its requests have widened. */
function rampFor(ramp: LinkRamp, restMs: number | undefined): LinkRamp {
  if (restMs === undefined) return ramp;
  const warmBytes = restMs < IDLE_MS ? Number.POSITIVE_INFINITY : 0;
  return { up: { ...ramp.up, warmBytes }, down: { ...ramp.down, warmBytes } };
}
