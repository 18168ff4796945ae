import type { LinkEstimate } from '../tier-profile.ts';
import { ProbeSchedule } from './probe-schedule.ts';
import { IDLE_MS, type RampPath, rampStallMs } from './ramp.ts';
import { RateTracker } from './rate-tracker.ts';
import { clampRate, readTransfer } from './read-transfer.ts';
import { RoundTrip } from './round-trip.ts';
import type { LinkDirection, Transfer } from './transfer.ts';

/** Transfers from this size on tell the rate; smaller ones only that the connection is in use. */
export const SAMPLE_BYTES: number = 1 << 14;

/** Bytes that a plan sends over a hop per request, each way. */
export interface PlanBytes {
  readonly up: number;
  readonly down: number;
}

/** What is believed of a link before anything was measured: 10 Mbit/s, 10 ms one way. */
const PRIOR: LinkEstimate = { upBytesPerMs: 1250, downBytesPerMs: 1250, delayMs: 10 };
const DIRECTIONS = ['up', 'down'] as const;
const OF_PROBE_BYTES = 1 << 11;
/** Sizes around the plan's between which the fit's slope is taken. */
const AROUND = 2;
const RECENT_TRANSFERS = 5;
const RECENT_MS = 10_000;
const RAMP_GAIN = 0.34;
/** Waits that are a smaller part of a transfer drown in its noise. */
const TELLING_SHARE = 0.15;

/** One direction of a link. */
class Direction {
  readonly tracker: RateTracker = new RateTracker();
  readonly schedule: ProbeSchedule;
  /** How much of the ramp's waits is seen: 1 as TCP has it, 0 none. */
  rampShare = 1;
  activeMs: number = Number.NEGATIVE_INFINITY;
  warmBytes = 0;
  recent: { readonly warmBytes: number; readonly atMs: number }[] = [];

  constructor(direction: LinkDirection) {
    this.schedule = new ProbeSchedule(direction);
  }
}

/**
 * Estimates one link from the transfers and round trips that happen on it: the rate in each direction and the delay. Pure: the
 * caller says when things happened, by any clock that does not jump. What it learns from a transfer needs at least
 * {@link SAMPLE_BYTES}, or to be a probe.
 */
export class LinkEstimator {
  readonly #directions: Readonly<Record<LinkDirection, Direction>> = {
    up: new Direction('up'),
    down: new Direction('down'),
  };
  readonly #roundTrip = new RoundTrip();
  readonly #first: LinkEstimate;

  /** @param first - what to believe until something else was measured */
  constructor(first: LinkEstimate = PRIOR) {
    this.#first = first;
  }

  /** Whether the delay and the rate in both directions were measured. */
  get measured(): boolean {
    const rates = DIRECTIONS.every((direction) => this.#directions[direction].tracker.bytesPerMs !== undefined);
    return rates && this.#roundTrip.ms !== undefined;
  }

  /** The link as it is, without TCP's ramp: rates as long transfers reach them, and half of the shortest round trip. */
  estimate(): LinkEstimate {
    const [up, down] = DIRECTIONS.map((direction) => this.#directions[direction].tracker.bytesPerMs);
    return {
      upBytesPerMs: up ?? this.#first.upBytesPerMs,
      // A link whose way down is not known yet is taken to be as fast as up.
      downBytesPerMs: down ?? up ?? this.#first.downBytesPerMs,
      delayMs: this.#roundTripMs / 2,
    };
  }

  /** Takes a timed transfer; transfers of one direction come in the order in which they ended. */
  transfer(transfer: Transfer): void {
    const { direction, bytes, ms, atMs, probe = false } = transfer;
    const side = this.#directions[direction];
    const warmBytes = transfer.warmBytes ?? this.#warmBytes(side, atMs - ms);
    side.warmBytes = warmBytes + bytes;
    side.activeMs = atMs;
    if (probe) side.schedule.spent(bytes, atMs, ms);
    else if (bytes >= SAMPLE_BYTES) side.recent = [...side.recent, { warmBytes, atMs }].slice(-RECENT_TRANSFERS);
    if (bytes >= (probe ? OF_PROBE_BYTES : SAMPLE_BYTES) && ms > 0) this.#sample(transfer, side, warmBytes);
  }

  /** A probe was given up after so many bytes. */
  gaveUp(direction: LinkDirection, bytes: number, atMs: number): void {
    const side = this.#directions[direction];
    side.schedule.spent(bytes, atMs);
    side.activeMs = atMs;
  }

  /** Takes a round trip of something small, sent when the link was idle or not: only the shortest of late count. */
  roundTrip(ms: number, atMs: number): void {
    this.#roundTrip.observe(Math.max(0, ms), atMs);
  }

  /** Size of the probe that is due in a direction; undefined when none is. Tell what became of it by {@link transfer} or {@link gaveUp}. */
  probeBytes(nowMs: number, direction: LinkDirection = 'up'): number | undefined {
    const { schedule, tracker } = this.#directions[direction];
    return schedule.due({ nowMs, bytesPerMs: tracker.bytesPerMs, suspicious: tracker.suspicious });
  }

  /**
   * Milliseconds from the first byte of a transfer to its last, at the receiver: TCP's ramp is part of it, the delay is not.
   *
   * @param warmBytes - what its connection carried since it was last idle; 0: it has been idle
   */
  transferMs(direction: LinkDirection, bytes: number, warmBytes = 0): number {
    const path = this.#path(direction, warmBytes);
    return bytes / path.bytesPerMs + this.#directions[direction].rampShare * rampStallMs(bytes, path);
  }

  /**
   * The link as transfers of a plan's size find it: delay + bytes / rate is right for that size, ramp included, and nearly for sizes
   * about it. A connection is taken to be warm if requests of late found it so.
   *
   * @param bytes - what the plan sends up, or both ways; 0 where it is not known
   * @param nowMs - forgets what requests of long ago found
   */
  fitTransfer(bytes: number | PlanBytes, nowMs: number = Number.NEGATIVE_INFINITY): LinkEstimate {
    const { up, down } = typeof bytes === 'number' ? { up: bytes, down: 0 } : bytes;
    const [upFit, downFit] = [this.#fit('up', up, nowMs), this.#fit('down', down, nowMs)];
    // A request crosses both ways, and a hop has one delay: each way gets half of both waits.
    const delayMs = (this.#roundTripMs + upFit.waitMs + downFit.waitMs) / 2;
    return { upBytesPerMs: upFit.bytesPerMs, downBytesPerMs: downFit.bytesPerMs, delayMs };
  }

  get #roundTripMs(): number {
    return this.#roundTrip.ms ?? 2 * this.#first.delayMs;
  }

  #path(direction: LinkDirection, warmBytes: number): RampPath {
    const { upBytesPerMs, downBytesPerMs } = this.estimate();
    const bytesPerMs = direction === 'up' ? upBytesPerMs : downBytesPerMs;
    return { bytesPerMs, roundTripMs: this.#roundTripMs, warmBytes };
  }

  #fit(
    direction: LinkDirection,
    bytes: number,
    nowMs: number,
  ): { readonly bytesPerMs: number; readonly waitMs: number } {
    const { recent } = this.#directions[direction];
    const found = recent.filter(({ atMs }) => atMs > nowMs - RECENT_MS).map(({ warmBytes }) => warmBytes);
    const warmBytes = found.sort((a, b) => a - b)[found.length >> 1] ?? 0;
    const { bytesPerMs } = this.#path(direction, warmBytes);
    if (bytes <= 0) return { bytesPerMs, waitMs: 0 };
    const [less, here, more] = [bytes / AROUND, bytes, bytes * AROUND].map((size) =>
      this.transferMs(direction, size, warmBytes),
    ) as [number, number, number];
    const slope = (more - less) / (bytes * AROUND - bytes / AROUND);
    const msPerByte = Math.min(here / bytes, Math.max(1 / bytesPerMs, slope));
    return { bytesPerMs: 1 / msPerByte, waitMs: Math.max(0, here - bytes * msPerByte) };
  }

  #warmBytes({ activeMs, warmBytes }: Direction, startMs: number): number {
    return startMs - activeMs > IDLE_MS ? 0 : warmBytes;
  }

  #sample(transfer: Transfer, side: Direction, warmBytes: number): void {
    const { ms, bytes, atMs, paced = false, windowBytes } = transfer;
    const window = windowBytes === undefined ? {} : { windowBytes };
    const path = { roundTripMs: this.#roundTripMs, warmBytes, ...window };
    const reading = readTransfer(transfer, path);
    const known = side.tracker.bytesPerMs;
    const high = paced ? Number.POSITIVE_INFINITY : reading.high;
    const vague = high !== reading.low;
    const rate = vague && known !== undefined ? Math.min(high, Math.max(reading.low, known)) : reading.best;
    // A link that carries what another one feeds it shows only when it is faster than was known.
    if (paced && (known === undefined || rate === known)) return;
    if (!vague) side.schedule.sampled(atMs);
    side.tracker.observe(rate, ms, atMs);
    if (reading.ramp === undefined || transfer.probe === true) return;
    const expectedMs = rampStallMs(bytes, { ...path, bytesPerMs: clampRate(rate) });
    if (expectedMs < TELLING_SHARE * ms) return;
    const share = reading.ramp ? Math.max(0, ms - bytes / rate) / expectedMs : 0;
    side.rampShare += RAMP_GAIN * (Math.min(1.5, share) - side.rampShare);
  }
}
