import type { LinkEstimate } from '@d3/profile';
import type { LinkClient } from '@d3/protocol';

const PINGS = 3;
/** Characters of padding, tried from small to large until a transfer takes long enough to be timed. */
const PADDINGS = [1 << 14, 1 << 16, 1 << 17] as const;
const LONG_MS = 50;
/** 1 Gbit/s. Faster links count as this fast: a few messages cannot tell them apart, and no plan depends on it. */
const FASTEST_BYTES_PER_MS = 125_000;

/**
 * Estimates a link by a few round trips: the shortest bare one is twice the delay, and what padding adds to it is the time of
 * its bytes. Only the way up is timed; the way down is taken to be as fast.
 *
 * @throws D3Error when the link is lost meanwhile
 */
export async function measureLink(link: LinkClient, timeoutMs: number): Promise<LinkEstimate> {
  let roundTripMs = Number.POSITIVE_INFINITY;
  for (let ping = 0; ping < PINGS; ping++) roundTripMs = Math.min(roundTripMs, await link.ping({ timeoutMs }));
  let upBytesPerMs = 0;
  for (const bytes of PADDINGS) {
    const sentMs = performance.now();
    await link.ask('ping', { sentMs, padding: ' '.repeat(bytes) }, { timeoutMs });
    const tookMs = performance.now() - sentMs;
    upBytesPerMs = Math.min(FASTEST_BYTES_PER_MS, bytes / Math.max(0.001, tookMs - roundTripMs));
    if (tookMs >= LONG_MS) break;
  }
  return { upBytesPerMs, downBytesPerMs: upBytesPerMs, delayMs: roundTripMs / 2 };
}
