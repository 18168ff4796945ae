import type { LinkEstimate } from '@d3/profile';
import type { LinkClient } from '@d3/protocol';

const PINGS = 5;
/** Lengths of the transfers that are timed, growing until one takes long enough to tell. */
const PROBE_BYTES = [1 << 14, 1 << 16, 1 << 17] as const;
const LONG_ENOUGH_MS = 50;
/** What cannot be told from zero on a timer. */
const SHORTEST_MS = 0.1;

/**
 * Measures a fresh link: the delay as half of the smallest of a few round trips, the rate upwards by a first transfer.
 *
 * @param downBytesPerMs - the rate downwards, if a download has shown it; else it is taken to be that upwards
 * @throws D3Error what pings throw
 */
export async function measureLink(
  link: LinkClient,
  options: { readonly downBytesPerMs?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<LinkEstimate> {
  const { signal } = options;
  const reply = signal === undefined ? {} : { signal };
  let roundTripMs = Number.POSITIVE_INFINITY;
  for (let ping = 0; ping < PINGS; ping += 1) roundTripMs = Math.min(roundTripMs, await link.ping(reply));
  let upBytesPerMs = 0;
  for (const bytes of PROBE_BYTES) {
    const sentMs = performance.now();
    await link.ask('ping', { sentMs, padding: '.'.repeat(bytes) }, reply);
    const transferMs = Math.max(SHORTEST_MS, performance.now() - sentMs - roundTripMs);
    upBytesPerMs = bytes / transferMs;
    if (transferMs >= LONG_ENOUGH_MS) break;
  }
  return { upBytesPerMs, downBytesPerMs: options.downBytesPerMs ?? upBytesPerMs, delayMs: roundTripMs / 2 };
}
