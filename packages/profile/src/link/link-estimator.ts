import type { LinkEstimate } from '../tier-profile.ts';
import { fitEstimate, type LinkRamp, type PlanBytes, type RampState } from './fit-estimate.ts';
import { ProbeSchedule } from './probe-schedule.ts';
import { rampStallMs, Warmth } from './ramp.ts';
import { RateTracker } from './rate-tracker.ts';
import { clampRate, readTransfer } from './read-transfer.ts';
import { RoundTrip } from './round-trip.ts';
import type { LinkDirection, Transfer } from './transfer.ts';

/** Transfers from this size on tell the rate; smaller ones only that the connection is in use. */
export const SAMPLE_BYTES: number = 1 << 14;

/** What is believed of a link before anything was measured: 10 Mbit/s, 10 ms one way. */
const PRIOR: LinkEstimate = { upBytesPerMs: 1250, downBytesPerMs: 1250, delayMs: 10 };
const DIRECTIONS = ['up', 'down'] as const;
const OF_PROBE_BYTES = 1 << 11;
const RECENT_TRANSFERS = 5;
const RECENT_MS = 10_000;
/** A first rate that is only bounded is taken to be little above its bound. */
const UNSURE = 1.5;
const RAMP_GAIN = 0.34;
/** Waits that are a smaller part of a transfer drown in its noise. */
const TELLING_SHARE = 0.15;
const MOST_RAMP_SHARE = 1.5;

/** One direction of a link. */
class Direction {
  readonly tracker: RateTracker = new RateTracker();
  readonly schedule: ProbeSchedule;
  readonly warmth: Warmth = new Warmth();
  /** How much of the ramp's waits is seen: 1 as TCP has it, 0 none. */
  rampShare = 1;
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

  /** Takes a timed transfer; those of one direction come in the order in which they ended. */
  transfer(transfer: Transfer): void {
    const { direction, bytes, ms, atMs, probe = false } = transfer;
    const side = this.#directions[direction];
    side.warmth.touch(atMs - ms);
    const warmBytes = transfer.warmBytes ?? side.warmth.at(atMs - ms);
    side.warmth.carried(bytes, atMs);
    if (!probe && bytes >= SAMPLE_BYTES) side.recent = [...side.recent, { warmBytes, atMs }].slice(-RECENT_TRANSFERS);
    const telling = bytes >= (probe ? OF_PROBE_BYTES : SAMPLE_BYTES) && ms > 0;
    const rate = telling ? this.#sample(transfer, side, warmBytes) : undefined;
    if (probe) side.schedule.spent(bytes, atMs, rate === undefined ? undefined : bytes / rate);
  }

  /**
   * A probe was given up.
   *
   * @param bytes - how much of it was sent
   * @param part - what came of it in time, if anything did
   */
  gaveUp(direction: LinkDirection, bytes: number, part: Transfer): void {
    const side = this.#directions[direction];
    side.schedule.spent(bytes, part.atMs);
    side.warmth.touch(part.atMs);
    if (part.bytes >= OF_PROBE_BYTES && part.ms > 0)
      this.#sample(part, side, part.warmBytes ?? side.warmth.at(part.atMs));
  }

  /** Takes a round trip of something small: only the shortest of late counts, so the link need not be idle. */
  roundTrip(ms: number, atMs: number): void {
    this.#roundTrip.observe(Math.max(0, ms), atMs);
  }

  /** Size of the probe that is due in a direction; undefined when none is. Tell its outcome by {@link transfer} or {@link gaveUp}. */
  probeBytes(nowMs: number, direction: LinkDirection = 'up'): number | undefined {
    const { schedule, tracker } = this.#directions[direction];
    return schedule.due({ nowMs, bytesPerMs: tracker.bytesPerMs, suspicious: tracker.suspicious });
  }

  /** Whether probes of a direction still grow: its rate is not known for certain. */
  growing(direction: LinkDirection): boolean {
    return this.#directions[direction].schedule.growing;
  }

  /**
   * Milliseconds from the first byte of a transfer to its last, at the receiver: TCP's ramp is part of it, the delay is not.
   *
   * @param warmBytes - by how much its connection's window is wider than at first; 0: it has been idle
   */
  transferMs(direction: LinkDirection, bytes: number, warmBytes = 0): number {
    const { upBytesPerMs, downBytesPerMs } = this.estimate();
    const bytesPerMs = direction === 'up' ? upBytesPerMs : downBytesPerMs;
    const stallMs = rampStallMs(bytes, { bytesPerMs, roundTripMs: this.#roundTripMs, warmBytes });
    return bytes / bytesPerMs + this.#directions[direction].rampShare * stallMs;
  }

  /**
   * The link as transfers of a plan's size find it; see {@link fitEstimate}. A connection is taken to be warm if requests of late
   * found it so.
   *
   * @param nowMs - forgets what requests of long ago found
   */
  fitTransfer(bytes: number | PlanBytes, nowMs: number = Number.NEGATIVE_INFINITY): LinkEstimate {
    return fitEstimate(this.estimate(), bytes, this.ramp(nowMs));
  }

  /** How requests of late found the ramp. @param nowMs - forgets what requests of long ago found */
  ramp(nowMs: number = Number.NEGATIVE_INFINITY): LinkRamp {
    return { up: this.#ramp('up', nowMs), down: this.#ramp('down', nowMs) };
  }

  get #roundTripMs(): number {
    return this.#roundTrip.ms ?? 2 * this.#first.delayMs;
  }

  #ramp(direction: LinkDirection, nowMs: number): RampState {
    const { recent, rampShare } = this.#directions[direction];
    const found = recent.filter(({ atMs }) => atMs > nowMs - RECENT_MS).map(({ warmBytes }) => warmBytes);
    return { warmBytes: found.sort((a, b) => a - b)[found.length >> 1] ?? 0, share: rampShare };
  }

  /** @returns the rate that the sample gave */
  #sample(transfer: Transfer, side: Direction, warmBytes: number): number | undefined {
    const { ms, atMs, paced = false, windowBytes } = transfer;
    const window = windowBytes === undefined ? {} : { windowBytes };
    const path = { roundTripMs: this.#roundTripMs, warmBytes, ...window };
    const known = side.tracker.bytesPerMs;
    const reading = readTransfer(transfer, { ...path, known });
    const high = paced ? Number.POSITIVE_INFINITY : reading.high;
    const vague = high !== reading.low;
    const rate =
      vague && known !== undefined
        ? Math.min(high, Math.max(reading.low, known))
        : vague
          ? Math.min(reading.best, UNSURE * reading.low)
          : reading.best;
    // A link that carries what another one feeds it shows only when it is faster than was known.
    if (paced && (known === undefined || rate === known)) return undefined;
    const { growing, fresh } = side.schedule;
    if (!vague) side.schedule.sampled(atMs);
    // While probes grow each of them counts for more than all before it. The one that confirms corrects the first upwards only: a session
    // that starts, busy with much else, makes a link look slow, and nothing makes it look fast.
    if (transfer.probe === true && growing) side.tracker.restart(rate, atMs);
    else if (transfer.probe === true && fresh && rate > (known ?? 0)) side.tracker.restart(rate, atMs);
    else side.tracker.observe(rate, ms - reading.stalledMs, atMs);
    if (transfer.probe !== true) learnRamp(side, { transfer, stalledMs: reading.stalledMs, rate, path });
    return rate;
  }
}

/** Moves a direction's share of the ramp's waits towards what a transfer showed. */
function learnRamp(
  side: Direction,
  shown: {
    readonly transfer: Transfer;
    readonly stalledMs: number;
    readonly rate: number;
    readonly path: { readonly roundTripMs: number; readonly warmBytes: number };
  },
): void {
  const { transfer, stalledMs, rate, path } = shown;
  const { ms, bytes, arrivals = [] } = transfer;
  const expectedMs = rampStallMs(bytes, { ...path, bytesPerMs: clampRate(rate) });
  if (arrivals.length < 3 || expectedMs < TELLING_SHARE * ms) return;
  side.rampShare += RAMP_GAIN * (Math.min(MOST_RAMP_SHARE, stalledMs / expectedMs) - side.rampShare);
}
