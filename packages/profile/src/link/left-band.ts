import type { LinkEstimate } from '../tier-profile.ts';

/** A rate or a delay that moved by more than this factor is another one. */
export const LINK_BAND: number = 1.25;
/** Differences of delay below it are noise. */
const DELAY_NOISE_MS = 1;

/** Whether a link is no longer as it was when something was made for it: a rate or the delay moved by more than a quarter. */
export function leftBand(madeFor: LinkEstimate, now: LinkEstimate, band: number = LINK_BAND): boolean {
  const moved = (from: number, to: number): boolean => to > from * band || to < from / band;
  const delayMoved = Math.abs(now.delayMs - madeFor.delayMs) > DELAY_NOISE_MS && moved(madeFor.delayMs, now.delayMs);
  return (
    delayMoved || moved(madeFor.upBytesPerMs, now.upBytesPerMs) || moved(madeFor.downBytesPerMs, now.downBytesPerMs)
  );
}
