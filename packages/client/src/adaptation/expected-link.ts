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
 * The link as the requests of one plan will find it: TCP's ramp as it is for what they send and how often. While something is under
 * way for longer than it should be, the link is taken to stand still for as long again: so an outage shows within the first
 * seconds, although nothing is heard, and a short fade does no harm.
 */
export function expectedLink(outlook: LinkOutlook): LinkEstimate {
  const { estimate, ramp, bytes, restMs } = outlook;
  const fit = fitEstimate(estimate, bytes, rampFor(ramp, restMs));
  // A request crosses both ways, and a hop has one delay.
  return { ...fit, delayMs: fit.delayMs + stalledMs(outlook) / 2 };
}

/** For how long a link has stood still: what is under way the longest beyond its time; 0 when nothing is. */
export function stalledMs({ nowMs, estimate, pending }: Pick<LinkOutlook, 'nowMs' | 'estimate' | 'pending'>): number {
  return pending.reduce((most, { direction, bytes, sentMs }) => {
    const bytesPerMs = direction === 'up' ? estimate.upBytesPerMs : estimate.downBytesPerMs;
    return Math.max(most, nowMs - sentMs - 2 * estimate.delayMs - bytes / bytesPerMs);
  }, 0);
}

/** A connection that rests for less than a second keeps the window that its requests have widened. */
function rampFor(ramp: LinkRamp, restMs: number | undefined): LinkRamp {
  if (restMs === undefined) return ramp;
  const warmBytes = restMs < IDLE_MS ? Number.POSITIVE_INFINITY : 0;
  return { up: { ...ramp.up, warmBytes }, down: { ...ramp.down, warmBytes } };
}
