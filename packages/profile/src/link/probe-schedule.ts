import type { LinkDirection } from './transfer.ts';

/** Shortest time of a transfer that tells the rate. */
const LONG_ENOUGH_MS = 50;
const FIRST_BYTES = 1 << 14;
/** A probe that took less shows a link that has become faster, and the next one grows again. */
const SHORT_MS = 20;
const LEAST_BYTES = 1 << 12;
const MOST_BYTES = 1 << 20;
const GROWTH = 4;
/** Of the link's time, in each direction. */
const SHARE = 0.01;
/** 16 kB in 5 s, both directions together; the way up is what plans depend on most. */
const FLOOR_BYTES_PER_MS: Readonly<Record<LinkDirection, number>> = {
  up: (16_384 * 0.64) / 5000,
  down: (16_384 * 0.36) / 5000,
};
/** Messages, acknowledgements, pings. */
const OVERHEAD = 1.15;
/** Without a sample for this long the rate is looked after; sooner when the last one was a surprise. */
const STALE_MS = 2_500;
const SUSPICIOUS_MS = 600;
/** What may be spent at once after a while of saving, and how far a confirmation may overdraw. */
const SAVED_MS = 10_000;
const OVERDRAFT_MS = 12_000;
/** After a probe that was given up. */
const RETRY_MS = 1_000;

/** What is known of a direction when a probe is considered. */
export interface ProbeNeed {
  readonly nowMs: number;
  readonly bytesPerMs: number | undefined;
  /** Whether the last sample awaits confirmation. */
  readonly suspicious: boolean;
}

/**
 * Decides when one direction is probed, and with how much: 16 kB at first, four times as much each time until a probe takes 50 ms,
 * then about so much, within 1 % of the link or its share of 16 kB in 5 s, whichever is more. Growing is not held up by the budget.
 */
export class ProbeSchedule {
  readonly #direction: LinkDirection;
  #bytes = FIRST_BYTES;
  #settled = false;
  /** Settled, and not confirmed. */
  #fresh = false;
  #usableMs = Number.NEGATIVE_INFINITY;
  #triedMs = Number.NEGATIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #savedBytes = 0;
  #countedMs: number | undefined;

  constructor(direction: LinkDirection) {
    this.#direction = direction;
  }

  /** Whether no probe was long enough so far. */
  get growing(): boolean {
    return !this.#settled;
  }

  /** Whether the first that was long enough awaits confirmation. */
  get fresh(): boolean {
    return this.#fresh;
  }

  /** Size of the probe that is due; undefined when none is. */
  due({ nowMs, bytesPerMs, suspicious }: ProbeNeed): number | undefined {
    this.#save(nowMs, bytesPerMs);
    if (nowMs < this.#notBeforeMs) return undefined;
    if (!this.#settled) return this.#bytes;
    const bytes = this.#settledBytes(bytesPerMs);
    const waitMs = suspicious || this.#fresh ? SUSPICIOUS_MS : STALE_MS;
    if (nowMs - Math.max(this.#usableMs, this.#triedMs) < waitMs) return undefined;
    const overdraft = suspicious ? this.#perMs(bytesPerMs) * OVERDRAFT_MS : 0;
    return this.#savedBytes + overdraft >= bytes * OVERHEAD ? bytes : undefined;
  }

  /** A transfer gave a usable rate at `atMs`. */
  sampled(atMs: number): void {
    this.#usableMs = atMs;
    this.#fresh = false;
  }

  /** A probe of `bytes` went, whole or not, and took `ms` if it was whole. */
  spent(bytes: number, atMs: number, ms?: number): void {
    this.#triedMs = atMs;
    this.#savedBytes -= bytes * OVERHEAD;
    this.#fresh = false;
    if (ms === undefined) {
      this.#notBeforeMs = atMs + RETRY_MS;
    } else if (this.#settled) {
      this.#settled = ms >= SHORT_MS || bytes >= MOST_BYTES;
      if (!this.#settled) this.#grow(bytes);
    } else if (ms >= LONG_ENOUGH_MS || bytes >= MOST_BYTES) {
      this.#settled = true;
      // One more soon, to confirm it: a session that starts is busy with much else.
      this.#fresh = true;
      this.#savedBytes = bytes * OVERHEAD;
    } else this.#grow(bytes);
  }

  #grow(bytes: number): void {
    this.#bytes = Math.min(MOST_BYTES, Math.max(FIRST_BYTES, bytes * GROWTH));
  }

  #settledBytes(bytesPerMs: number | undefined): number {
    return Math.ceil(Math.min(MOST_BYTES, Math.max(LEAST_BYTES, (bytesPerMs ?? 0) * LONG_ENOUGH_MS)));
  }

  #perMs(bytesPerMs: number | undefined): number {
    return Math.max(SHARE * (bytesPerMs ?? 0), FLOOR_BYTES_PER_MS[this.#direction]);
  }

  #save(nowMs: number, bytesPerMs: number | undefined): void {
    const passedMs = Math.max(0, nowMs - (this.#countedMs ?? nowMs));
    this.#countedMs = nowMs;
    const perMs = this.#perMs(bytesPerMs);
    this.#savedBytes = Math.min(perMs * SAVED_MS, this.#savedBytes + perMs * passedMs);
  }
}
