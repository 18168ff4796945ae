import { type RampPath, rampStallMs, rampTransferMs } from './ramp.ts';
import type { Arrival, Transfer } from './transfer.ts';

/** What one transfer says of the rate: it lies between `low` and `high`, and is most likely `best`. */
export interface RateReading {
  readonly best: number;
  readonly low: number;
  readonly high: number;
  /** Whether the transfer waited for TCP's window as the ramp predicts; undefined when it could not have. */
  readonly ramp?: boolean;
}

/** 1 Gbit/s: faster links count as this fast, for transfers of a few messages cannot tell them apart, and no plan depends on it. */
export const FASTEST_BYTES_PER_MS = 125_000;
/** 8 bit/s: a link that is slower is out of order. */
export const SLOWEST_BYTES_PER_MS = 0.001;

const STEP = 1.1;
const FINE_STEP = 1.006;
const FINE_STEPS = 16;
/** Clocks, event loops and what shares the machine blur arrivals by about as much. */
const NOISE_MS = 0.4;
const NOISE = 0.02;
const BLUR_MS = 0.5;
/** Rates that far apart and as likely are no measurement. */
const TELLING = 1.3;

/** How well a rate explains arrivals. */
interface Candidate {
  readonly bytesPerMs: number;
  readonly missMs: number;
}

/**
 * Reads the rate out of a transfer's arrivals: the one with which they came as they did, evenly or with TCP's waits, whichever
 * explains them better.
 *
 * @param path - what is known of the connection; a transfer without arrivals is taken to have flowed evenly
 */
export function readTransfer(transfer: Transfer, path: Omit<RampPath, 'bytesPerMs'>): RateReading {
  const { bytes, ms, arrivals = [] } = transfer;
  const slowest = clampRate(bytes / ms);
  const mostWaitMs = rampStallMs(bytes, { ...path, bytesPerMs: FASTEST_BYTES_PER_MS });
  if (arrivals.length < 3 || mostWaitMs < NOISE * ms) return readEven(bytes, ms, slowest);
  const straight = best([slowest, clampRate(slope(arrivals))].map((rate) => miss(arrivals, rate)));
  const ramped = ramps(arrivals, slowest, path);
  const coarse = best(ramped).bytesPerMs;
  const fine = Array.from({ length: 2 * FINE_STEPS + 1 }, (_, step) => coarse * FINE_STEP ** (step - FINE_STEPS));
  const curved = best(fine.map((rate) => miss(arrivals, clampRate(rate), path)));
  const expected = miss(arrivals, straight.bytesPerMs, path);
  // Where the window was never in the way both explanations are one.
  if (Math.abs(expected.missMs - straight.missMs) < NOISE_MS / 10 && straight.missMs <= curved.missMs + noise(ms)) {
    return readEven(bytes, ms, straight.bytesPerMs);
  }
  if (straight.missMs <= curved.missMs) return { ...readEven(bytes, ms, straight.bytesPerMs), ramp: false };
  const alike = ramped.filter(({ missMs }) => missMs <= curved.missMs + noise(ms)).map((each) => each.bytesPerMs);
  return { ...between(Math.min(...alike), curved.bytesPerMs, Math.max(...alike)), ramp: true };
}

/** Bytes that flowed evenly; over a short time clocks and event loops blur the rate. */
function readEven(bytes: number, ms: number, rate: number): RateReading {
  const shortest = ms - BLUR_MS;
  return between(bytes / (ms + BLUR_MS), rate, shortest <= 0 ? FASTEST_BYTES_PER_MS : bytes / shortest);
}

function between(low: number, likely: number, high: number): RateReading {
  if (high / low < TELLING) return { best: likely, low: likely, high: likely };
  return { best: likely, low, high: high >= FASTEST_BYTES_PER_MS / STEP ? Number.POSITIVE_INFINITY : high };
}

/** How well each rate from `slowest` on explains arrivals by a ramp. */
function ramps(arrivals: readonly Arrival[], slowest: number, path: Omit<RampPath, 'bytesPerMs'>): Candidate[] {
  const steps = Math.ceil(Math.log(FASTEST_BYTES_PER_MS / slowest) / Math.log(STEP)) + 1;
  return Array.from({ length: steps }, (_, step) => miss(arrivals, clampRate(slowest * STEP ** step), path));
}

/** A rate within what links have. */
export function clampRate(bytesPerMs: number): number {
  return Math.min(FASTEST_BYTES_PER_MS, Math.max(SLOWEST_BYTES_PER_MS, bytesPerMs));
}

function noise(ms: number): number {
  return NOISE_MS + NOISE * ms;
}

/** Mean distance of arrivals from where a rate puts them. */
function miss(arrivals: readonly Arrival[], bytesPerMs: number, path?: Omit<RampPath, 'bytesPerMs'>): Candidate {
  const ramp = path === undefined ? undefined : { ...path, bytesPerMs };
  let sum = 0;
  for (const { ms, bytes } of arrivals) {
    const expectedMs = ramp === undefined ? bytes / bytesPerMs : rampTransferMs(bytes, ramp);
    sum += Math.abs(ms - expectedMs);
  }
  return { bytesPerMs, missMs: sum / arrivals.length };
}

function best(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((least, candidate) => (candidate.missMs < least.missMs ? candidate : least));
}

/** Least squares through the origin. */
function slope(arrivals: readonly Arrival[]): number {
  let [product, square] = [0, 0];
  for (const { ms, bytes } of arrivals) {
    product += ms * bytes;
    square += ms * ms;
  }
  return product / square;
}
