import type { LinkTrace } from '@d3/testkit';

/** How a link is from one moment on. */
export interface LinkState {
  readonly upBytesPerMs: number;
  readonly downBytesPerMs: number;
  /** One way, each way. */
  readonly delayMs: number;
}

/** A stretch of a history. */
export interface LinkStep extends LinkState {
  readonly lengthMs: number;
}

/** What happened to a link: stretches one after the other, then from the beginning again. */
export interface LinkHistory {
  readonly name: string;
  readonly steps: readonly LinkStep[];
  readonly lengthMs: number;
  /** What was added to a recording; to be printed beside results. */
  readonly notes: readonly string[];
}

/** 1 Mbit/s is 125 bytes per ms. */
const BYTES_PER_MS_AND_MBPS = 125;
/** For recordings without one. */
const ROUND_TRIP_MS = 40;

/** A made history. */
export function madeHistory(
  name: string,
  stretches: readonly { readonly seconds: number; readonly mbps: number; readonly delayMs?: number }[],
): LinkHistory {
  const steps = stretches.map(({ seconds, mbps, delayMs = ROUND_TRIP_MS / 2 }) => {
    const bytesPerMs = mbps * BYTES_PER_MS_AND_MBPS;
    return { lengthMs: seconds * 1000, upBytesPerMs: bytesPerMs, downBytesPerMs: bytesPerMs, delayMs };
  });
  return { name, steps, lengthMs: steps.reduce((sum, step) => sum + step.lengthMs, 0), notes: [] };
}

/** A recorded history. One direction stands for both where the other was not recorded; `notes` says so. */
export function recordedHistory(trace: LinkTrace): LinkHistory {
  const { name, stepMs, upMbps, downMbps, rttMs } = trace;
  const length = (upMbps ?? downMbps ?? []).length;
  const steps = Array.from({ length }, (_, step): LinkStep => {
    const up = upMbps?.[step] ?? downMbps?.[step] ?? 0;
    const down = downMbps?.[step] ?? upMbps?.[step] ?? 0;
    return {
      lengthMs: stepMs,
      upBytesPerMs: up * BYTES_PER_MS_AND_MBPS,
      downBytesPerMs: down * BYTES_PER_MS_AND_MBPS,
      delayMs: (rttMs?.[step] ?? ROUND_TRIP_MS) / 2,
    };
  });
  const notes = [
    ...(upMbps === null ? ['no uplink recorded, the downlink stands for both'] : []),
    ...(downMbps === null ? ['no downlink recorded, the uplink stands for both'] : []),
    ...(rttMs === null ? [`no round trip recorded, ${ROUND_TRIP_MS} ms added`] : []),
  ];
  return { name, steps, lengthMs: length * stepMs, notes };
}
