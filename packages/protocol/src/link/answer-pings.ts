import type { PingBody, PingReply } from '../control.ts';
import { protocolError } from '../errors.ts';

/** Bytes of padding, both ways together, that one link may spend at once, and how they come back. Probes grow to 1 MB twice each way. */
const BURST_BYTES = 1 << 23;
/** 1 % of 1 Gbit/s: no honest prober needs more. */
const BYTES_PER_MS = 1250;

/** Answers the pings of one link, within what a link may spend on probes. */
export class PingAnswerer {
  readonly #now: () => number;
  #available = BURST_BYTES;
  #atMs: number;

  /** @param now - milliseconds of a monotonic clock; `performance.now` by default */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#atMs = now();
  }

  /**
   * The answer to a ping that has just come.
   *
   * @throws D3Error `PROTOCOL_PROBE_LIMIT`
   */
  answer({ sentMs, padding = '', answerBytes = 0 }: PingBody): PingReply {
    const receivedMs = this.#now();
    this.#available = Math.min(BURST_BYTES, this.#available + BYTES_PER_MS * (receivedMs - this.#atMs));
    this.#atMs = receivedMs;
    const bytes = padding.length + answerBytes;
    if (bytes > this.#available) {
      throw protocolError('PROTOCOL_PROBE_LIMIT', { bytes, available: Math.floor(this.#available) });
    }
    this.#available -= bytes;
    return answerBytes === 0 ? { sentMs, receivedMs } : { sentMs, receivedMs, padding: '.'.repeat(answerBytes) };
  }
}
