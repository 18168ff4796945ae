import type { TierLoad } from '@d3/profile';

/** A scale or a wait that moved by more than this factor is another one. */
const LOAD_BAND = 1.25;
/** Differences of waiting below it are noise. */
const QUEUE_NOISE_MS = 1;
const IDLE: TierLoad = { scale: 1, queueMs: 0 };

/** Whether a load is no longer as it was announced. */
export function loadLeftBand(announced: TierLoad = IDLE, now: TierLoad = IDLE): boolean {
  const moved = (from: number, to: number) => to > from * LOAD_BAND || to < from / LOAD_BAND;
  const waits = Math.abs(now.queueMs - announced.queueMs) >= QUEUE_NOISE_MS && moved(announced.queueMs, now.queueMs);
  return waits || moved(announced.scale, now.scale);
}
