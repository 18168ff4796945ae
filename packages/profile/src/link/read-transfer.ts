import { INITIAL_WINDOW_BYTES, type RampPath, rampStallMs, rampTransferMs, SEGMENT_BYTES } from './ramp.ts';
import type { Arrival, Transfer } from './transfer.ts';

/** What one transfer says of the rate: it lies between `low` and `high`, and is most likely `best`. */
export interface RateReading {
  readonly best: number;
  readonly low: number;
  readonly high: number;
  /** How long nothing came because the window was shut. */
  readonly stalledMs: number;
}

/** 1 Gbit/s: faster links count as this fast, for transfers of a few messages cannot tell them apart, and no plan depends on it. */
const FASTEST_BYTES_PER_MS = 125_000;
/** 8 bit/s: a link that is slower is out of order. */
const SLOWEST_BYTES_PER_MS = 0.001;

/** Clocks and event loops blur the ends of whatever is timed by about so much. */
const BLUR_MS = 1;
/** What comes so soon after a transfer's start came with it. */
const START_MS = 1;
/** Rates that far apart and as likely are no measurement. */
const TELLING = 1.3;
/** A pause is a wait for the window from this part of a round trip on, and longer than the round trips it takes by no more than another. */
const LEAST_STALL = 0.15;
const STALL_MARGIN = 0.5;
const LEAST_STALL_MS = 1.5;
/** The window is shut only until it holds what a round trip carries: when so many times that has come, since it doubles; with a margin. */
const RAMP_END = 2.2;
/** Share of the bytes, the fastest, that the first guess of the rate is taken from. */
const FASTEST_SHARE = 0.2;
const ROUNDS = 6;
/** A rate explains a transfer if it puts its end this near, in parts of its length. */
const FITTING = 0.1;
/** Waits that are a smaller part of a transfer's length are none. */
const LEAST_WAITS = 0.05;

/** What is known of a connection before a transfer is read. */
export interface ReadPath extends Omit<RampPath, 'bytesPerMs'> {
  /** The rate as it was estimated so far. */
  readonly known?: number | undefined;
}

/** What came together, and how long after what came before. */
interface Step {
  readonly bytes: number;
  readonly ms: number;
  /** Bytes that had come before. */
  readonly from: number;
}

/** A rate, and the pauses that it leaves unexplained. */
interface Split {
  readonly bytesPerMs: number;
  readonly stalledMs: number;
  readonly stalls: number;
}

/**
 * Reads the rate out of a transfer's arrivals: the bytes over the time, less the pauses in which TCP's window was shut. Those are told
 * from a slower link by where and how long they are: about a round trip each, and only until the window holds what a round trip
 * carries.
 *
 * @param path - what is known of the connection; a transfer without arrivals is taken to have flowed evenly
 */
export function readTransfer(transfer: Transfer, path: ReadPath): RateReading {
  const timed = afterStart(transfer);
  const { bytes, ms } = timed;
  const { bytesPerMs, stalledMs, stalls } = likeliest(timed, path);
  const busyMs = ms - stalledMs;
  const blurMs = BLUR_MS * (1 + stalls);
  const [low, high] = [bytes / (busyMs + blurMs), busyMs <= blurMs ? FASTEST_BYTES_PER_MS : bytes / (busyMs - blurMs)];
  const best = clampRate(bytesPerMs);
  if (high / low < TELLING) return { best, low: best, high: best, stalledMs };
  return { best, low: clampRate(low), high: high >= FASTEST_BYTES_PER_MS ? Number.POSITIVE_INFINITY : high, stalledMs };
}

/** A transfer without what came in the same packet as its start. */
function afterStart(transfer: Transfer): Transfer {
  const { arrivals = [] } = transfer;
  const together = arrivals.filter(({ ms, bytes }) => ms < START_MS && bytes <= SEGMENT_BYTES).at(-1);
  const rest = arrivals.slice(together === undefined ? 0 : arrivals.indexOf(together) + 1);
  if (together === undefined || rest.length < 2) return transfer;
  const since = rest.map(({ ms, bytes }) => ({ ms: ms - together.ms, bytes: bytes - together.bytes }));
  return { ...transfer, ms: transfer.ms - together.ms, bytes: transfer.bytes - together.bytes, arrivals: since };
}

/**
 * Of what the arrivals suggest and what was known, that which explains best how long it all took. Where no wait is to be expected of
 * the rate that it took on the whole, waits must explain better when everything came.
 */
function likeliest(transfer: Transfer, path: ReadPath): Split {
  const { bytes, ms, arrivals = [] } = transfer;
  const even: Split = { bytesPerMs: bytes / ms, stalledMs: 0, stalls: 0 };
  const steady = rampStallMs(bytes, { ...path, bytesPerMs: even.bytesPerMs }) < LEAST_WAITS * ms;
  if (arrivals.length < 3 || (steady && isKnown(even, path))) return even;
  const waited = withWaits(transfer, path);
  if (waited === undefined) return even;
  const rampMs = (part: number): number => rampTransferMs(part, { ...path, bytesPerMs: waited.bytesPerMs });
  const better = offMs(arrivals, rampMs) < offMs(arrivals, (part) => part / even.bytesPerMs);
  return steady && !better ? even : waited;
}

/**
 * Whether a rate is as it was known to be. Threads that are busy let what came meanwhile come all at once, which looks like a wait and a
 * faster link: not when it is as fast as before.
 */
function isKnown({ bytesPerMs }: Split, { known }: ReadPath): boolean {
  return known !== undefined && Math.abs(bytesPerMs / known - 1) <= FITTING;
}

/** What the arrivals suggest, or what was known if that puts the end better. */
function withWaits({ bytes, ms, arrivals = [] }: Transfer, path: ReadPath): Split | undefined {
  const steps = stepsOf(arrivals);
  const found = split(steps, Math.max(bytes / ms, fastestRate(steps)), path);
  const known = path.known === undefined ? undefined : split(steps, path.known, path);
  const even: Split = { bytesPerMs: bytes / ms, stalledMs: 0, stalls: 0 };
  if (known === undefined) return found;
  const miss = ({ bytesPerMs }: Split): number => Math.abs(rampTransferMs(bytes, { ...path, bytesPerMs }) - ms);
  return miss(known) < Math.min(miss(found ?? even), FITTING * ms) ? known : found;
}

/** How far, on average, arrivals are from when they are expected. */
function offMs(arrivals: readonly Arrival[], expectedMs: (bytes: number) => number): number {
  return arrivals.reduce((sum, { bytes, ms }) => sum + Math.abs(ms - expectedMs(bytes)), 0) / arrivals.length;
}

/** A rate within what links have. */
export function clampRate(bytesPerMs: number): number {
  return Math.min(FASTEST_BYTES_PER_MS, Math.max(SLOWEST_BYTES_PER_MS, bytesPerMs));
}

function stepsOf(arrivals: readonly Arrival[]): Step[] {
  return arrivals.map(({ ms, bytes }, index) => {
    const before = arrivals[index - 1] ?? { ms: 0, bytes: 0 };
    return { bytes: bytes - before.bytes, ms: ms - before.ms, from: before.bytes };
  });
}

/** Alternates between which steps waited and what rate the others show; undefined when none waited, or too many for a window's sake. */
function split(steps: readonly Step[], first: number, path: ReadPath): Split | undefined {
  const total = steps.reduce((sum, step) => ({ bytes: sum.bytes + step.bytes, ms: sum.ms + step.ms, from: 0 }));
  let rate = clampRate(first);
  let found: Split | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const waits = steps.map((step) => waitMs(step, rate, path)).filter((ms) => ms > 0);
    const stalledMs = waits.reduce((sum, ms) => sum + ms, 0);
    if (waits.length === 0 || waits.length > mostWaits(total.bytes, rate, path)) return undefined;
    rate = clampRate(total.bytes / Math.max(total.ms - stalledMs, BLUR_MS));
    found = { bytesPerMs: rate, stalledMs, stalls: waits.length };
  }
  return found;
}

/** How often a transfer can have waited: once each time the window doubled, or was sent in full where it does not grow. */
function mostWaits(bytes: number, bytesPerMs: number, path: ReadPath): number {
  const { roundTripMs, warmBytes = 0, windowBytes = Number.POSITIVE_INFINITY } = path;
  const doubled = Math.ceil(Math.log2(1 + bytes / (INITIAL_WINDOW_BYTES + warmBytes)));
  return doubled + 1 + (windowBytes < bytesPerMs * roundTripMs ? Math.ceil(bytes / windowBytes) : 0);
}

/** How long a step waited for the window, if the link has this rate; 0 when it may just have been slow. */
function waitMs({ bytes, ms, from }: Step, bytesPerMs: number, path: ReadPath): number {
  const { roundTripMs, warmBytes = 0, windowBytes = Number.POSITIVE_INFINITY } = path;
  const filling = RAMP_END * bytesPerMs * roundTripMs;
  const window = Math.min(windowBytes, INITIAL_WINDOW_BYTES + warmBytes + from);
  const wait = ms - bytes / bytesPerMs;
  if (window >= filling || wait <= Math.max(LEAST_STALL_MS, LEAST_STALL * roundTripMs)) return 0;
  // The window doubles with each wait, or does not grow any more.
  const waits = window === windowBytes ? bytes / window : Math.log2(1 + bytes / window);
  return wait < (Math.ceil(waits) + STALL_MARGIN) * roundTripMs + LEAST_STALL_MS ? wait : 0;
}

/** Rate of the steps that were fastest, over a share of the bytes. */
function fastestRate(steps: readonly Step[]): number {
  const sorted = steps.slice().sort((a, b) => a.ms / a.bytes - b.ms / b.bytes);
  const wanted = FASTEST_SHARE * steps.reduce((sum, step) => sum + step.bytes, 0);
  let [bytes, ms] = [0, 0];
  for (const step of sorted) {
    bytes += step.bytes;
    ms += step.ms;
    if (bytes >= wanted) break;
  }
  return bytes / Math.max(ms, BLUR_MS);
}
