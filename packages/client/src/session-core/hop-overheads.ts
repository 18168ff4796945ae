import type { LinkEstimate } from '@d3/profile';
import type { HopTiming } from '@d3/protocol';
import { medianOf } from './median-of.ts';

/** A link as the requests of a plan find it, and what it is expected to be at any size. */
export type LinkAt = (bytes: { readonly up: number; readonly down: number }) => LinkEstimate;

/** Overheads that the expected one is the median of; it begins with two of none, so that no single request makes one. */
const RECENT = 7;
const NONE: readonly number[] = [0, 0];
/** A hop whose time is off by more than this is not what its link is believed to be, which is for the link's estimate to find out. */
const MOST_MS = 10;
const MOST_SHARE = 0.3;

/**
 * What crossing a hop takes beyond its link: coding, the threads and event loops of both ends, a server that passes on. Learnt from
 * requests, one by one; the median of the latest counts.
 */
export class HopOverheads {
  readonly #recent = new Map<string, readonly number[]>();

  /** Takes in a hop of a request. @param link - by what is known of the link, without overhead */
  observe({ hop, bytesUp, bytesDown, ms }: HopTiming, link: LinkAt): void {
    const { upBytesPerMs, downBytesPerMs, delayMs } = link({ up: bytesUp, down: bytesDown });
    const linkMs = 2 * delayMs + bytesUp / upBytesPerMs + bytesDown / downBytesPerMs;
    const most = Math.max(MOST_MS, MOST_SHARE * linkMs);
    const overheadMs = Math.min(most, Math.max(-MOST_SHARE * linkMs, ms - linkMs));
    if (!Number.isFinite(overheadMs)) return;
    this.#recent.set(hop, [...(this.#recent.get(hop) ?? NONE), overheadMs].slice(-RECENT));
  }

  /** The overhead to expect per request, both ways together, in milliseconds. */
  expectedMs(hop: string): number {
    return medianOf(this.#recent.get(hop) ?? NONE);
  }

  /** A link with its overhead: a request crosses both ways, and a hop has one delay. */
  withOverhead(hop: string, link: LinkEstimate): LinkEstimate {
    return { ...link, delayMs: Math.max(0, link.delayMs + this.expectedMs(hop) / 2) };
  }
}
