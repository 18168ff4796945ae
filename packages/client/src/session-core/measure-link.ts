import type { LinkEstimate } from '@d3/profile';
import type { LinkClient } from '@d3/protocol';

const PINGS = 5;
/** Lengths of the transfers that are timed, growing until one takes long enough to tell. */
const PROBE_BYTES = [1 << 14, 1 << 16, 1 << 17] as const;
const LONG_ENOUGH_MS = 50;
/** 1 Gbit/s: faster links count as this fast, for so short a transfer cannot tell them apart. */
const FASTEST_BYTES_PER_MS = 125_000;

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
    const transferMs = performance.now() - sentMs - roundTripMs;
    upBytesPerMs = bytes / Math.max(transferMs, bytes / FASTEST_BYTES_PER_MS);
    if (transferMs >= LONG_ENOUGH_MS) break;
  }
  const downBytesPerMs = Math.min(FASTEST_BYTES_PER_MS, options.downBytesPerMs ?? upBytesPerMs);
  return { upBytesPerMs, downBytesPerMs, delayMs: roundTripMs / 2 };
}
