import { type Arrival, type LinkDirection, SAMPLE_BYTES, type Transfer } from '@d3/profile';
import type { FrameTiming } from '../arrival-log.ts';
import type { Control, FrameArrivals } from '../control.ts';

/**
 * What the receiver of a request frame tells its sender of when it came; undefined for a frame too small to tell anything. To be sent
 * when the frame is whole, before its result.
 */
export function timedNotice(request: number, timing: FrameTiming): Control | undefined {
  if (timing.bytes < SAMPLE_BYTES) return undefined;
  const arrivals = timing.arrivals.map(({ ms, bytes }) => [Math.round(ms * 1000) / 1000, bytes] as const);
  return { type: 'timed', notice: { request, arrivals } };
}

/** What is known of a connection besides a frame's own timing. */
export interface TransferContext {
  readonly direction: LinkDirection;
  readonly atMs: number;
  readonly warmBytes: number;
  readonly paced: boolean;
}

/** A frame that came here, as an estimator takes it. */
export function transferOf(timing: FrameTiming, context: TransferContext): Transfer {
  const { bytes, startMs, endMs, arrivals } = timing;
  return { ...context, bytes, ms: endMs - startMs, arrivals };
}

/**
 * A frame that the peer timed; undefined when its report cannot be true of a frame of at most `sentBytes`.
 */
export function reportedTransfer(
  { arrivals: told }: FrameArrivals,
  context: TransferContext & { readonly sentBytes: number },
): Transfer | undefined {
  const { sentBytes, ...rest } = context;
  const arrivals: Arrival[] = [];
  let [lastMs, lastBytes] = [0, 0];
  for (const [ms, bytes] of told) {
    if (ms < lastMs || bytes <= lastBytes || bytes > sentBytes) return undefined;
    [lastMs, lastBytes] = [ms, bytes];
    arrivals.push({ ms, bytes });
  }
  return lastBytes === 0 ? undefined : { ...rest, bytes: lastBytes, ms: lastMs, arrivals };
}
