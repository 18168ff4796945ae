import type { LinkEstimate } from '../tier-profile.ts';
import { rampStallMs } from './ramp.ts';

/** Bytes that a plan sends over a hop per request, each way. */
export interface PlanBytes {
  readonly up: number;
  readonly down: number;
}

/** What requests find of TCP's ramp in one direction. */
export interface RampState {
  /** By how much the window is wider than at first when a request comes. 0: the connection has been idle. */
  readonly warmBytes: number;
  /** How much of the ramp's waits is seen: 1 as TCP has it, 0 none. */
  readonly share: number;
}

/** {@link RampState} both ways. */
export interface LinkRamp {
  readonly up: RampState;
  readonly down: RampState;
}

const COLD: RampState = { warmBytes: 0, share: 1 };
/** Sizes around the plan's between which the fit's slope is taken. */
const AROUND = 2;

/**
 * A link as transfers of one size find it: delay + bytes / rate is right for that size, TCP's ramp included, and nearly for sizes
 * about it.
 *
 * @param bytes - what the plan sends up, or both ways; 0 where it is not known
 * @param ramp - by default that of a connection that has been idle
 */
export function fitEstimate(
  estimate: LinkEstimate,
  bytes: number | PlanBytes,
  ramp: LinkRamp = { up: COLD, down: COLD },
): LinkEstimate {
  const { up, down } = typeof bytes === 'number' ? { up: bytes, down: 0 } : bytes;
  const roundTripMs = 2 * estimate.delayMs;
  const upFit = fitDirection(up, { ...ramp.up, roundTripMs, bytesPerMs: estimate.upBytesPerMs });
  const downFit = fitDirection(down, { ...ramp.down, roundTripMs, bytesPerMs: estimate.downBytesPerMs });
  // A request crosses both ways, and a hop has one delay: each way gets half of both waits.
  const delayMs = (roundTripMs + upFit.waitMs + downFit.waitMs) / 2;
  return { upBytesPerMs: upFit.bytesPerMs, downBytesPerMs: downFit.bytesPerMs, delayMs };
}

function fitDirection(
  bytes: number,
  path: RampState & { readonly bytesPerMs: number; readonly roundTripMs: number },
): { readonly bytesPerMs: number; readonly waitMs: number } {
  const { bytesPerMs, share } = path;
  if (bytes <= 0) return { bytesPerMs, waitMs: 0 };
  const transferMs = (size: number): number => size / bytesPerMs + share * rampStallMs(size, path);
  const hereMs = transferMs(bytes);
  const slope = (transferMs(bytes * AROUND) - transferMs(bytes / AROUND)) / (bytes * AROUND - bytes / AROUND);
  const msPerByte = Math.min(hereMs / bytes, Math.max(1 / bytesPerMs, slope));
  return { bytesPerMs: 1 / msPerByte, waitMs: Math.max(0, hereMs - bytes * msPerByte) };
}
