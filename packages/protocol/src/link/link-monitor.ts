import { INITIAL_WINDOW_BYTES, type LinkDirection, type LinkEstimate, LinkEstimator, leftBand } from '@d3/profile';
import type { LinkClient } from './link-client.ts';
import type { ReplyOptions } from './pending-replies.ts';
import { type ProbeOutcome, ProbeTrain, probeMessageBytes } from './probe-train.ts';

/** Round trips of the first measurement. */
const FIRST_PINGS = 2;
/** Once the first measurement took this long, probes grow in the background. */
const FIRST_WITHIN_MS = 250;
const TICK_MS = 250;
const PING_EVERY_MS = 2_500;
/** A session with a request so recently may have the next one at any moment. */
const BUSY_MS = 5_000;
/** A frame that stops coming for so long will not be whole. */
const STALLED_MS = 60_000;

/**
 * Keeps an estimate of the link that a {@link LinkClient} is the near side of: from the frames that cross it, both ways, and, when those
 * tell nothing for a while, from small probes that give way to requests. Ends with the client.
 */
export class LinkMonitor {
  readonly estimator: LinkEstimator;
  readonly #client: LinkClient;
  readonly #watched = new Map<LinkClient, () => void>();
  readonly #listeners = new Set<(estimate: LinkEstimate) => void>();
  #announced: LinkEstimate;
  #timer: unknown;
  #closed = false;
  #working = false;
  #pingedMs = Number.NEGATIVE_INFINITY;
  #framesBegun = 0;
  #busyMs = Number.NEGATIVE_INFINITY;

  /** @param first - what to believe until something was measured */
  constructor(client: LinkClient, first?: LinkEstimate) {
    this.#client = client;
    this.estimator = new LinkEstimator(first);
    this.#announced = this.estimator.estimate();
    this.watch(client);
    void client.closed.then(() => this.close());
  }

  /** The link as it is now. */
  get estimate(): LinkEstimate {
    return this.estimator.estimate();
  }

  /** Whether a probe is under way. */
  get probing(): boolean {
    return this.#working;
  }

  /** Requests that are under way up, on all clients, and of which nothing was heard yet: what they wait bounds the rate. */
  pendingTransfers(): ReturnType<LinkClient['pendingTransfers']> {
    return [...this.#watched.keys()].flatMap((client) => client.pendingTransfers());
  }

  /**
   * Measures the link for the first time, and from then on keeps looking after it. Takes a few round
   * trips and 250 ms, or as long as 16 kB take.
   *
   * @throws D3Error what pings throw; the signal's reason when aborted. The monitor is then closed
   */
  async measure(options: ReplyOptions = {}): Promise<LinkEstimate> {
    const startedMs = performance.now();
    try {
      for (let ping = 0; ping < FIRST_PINGS; ping++) await this.#ping(options);
      let grows: boolean;
      do {
        // One after the other: the answers of each would wait behind the other.
        const up = await this.#probe('up');
        const down = await this.#probe('down');
        options.signal?.throwIfAborted();
        grows = up || down;
      } while (grows && performance.now() - startedMs < FIRST_WITHIN_MS);
      // A link that was lost meanwhile says so here.
      if (!this.estimator.measured) await this.#ping(options);
    } catch (error) {
      this.close();
      throw error;
    }
    this.#announced = this.estimate;
    this.#schedule();
    return this.#announced;
  }

  /** Learns from the frames of another client over the same link as well, until that closes. */
  watch(client: LinkClient): void {
    if (this.#closed || this.#watched.has(client)) return;
    const stop = client.onTransfer((transfer) => {
      this.estimator.transfer(transfer);
      this.#check();
    });
    this.#watched.set(client, stop);
    void client.closed.then(() => {
      stop();
      this.#watched.delete(client);
    });
  }

  /**
   * Tells whenever the link left the band of what was last told: a rate or the delay moved by more than a quarter.
   *
   * @returns ends it
   */
  onChange(listener: (estimate: LinkEstimate) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Stops probing and listening; the estimate stays. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const stop of this.#watched.values()) stop();
    this.#watched.clear();
    this.#listeners.clear();
  }

  #schedule(): void {
    if (!this.#closed) this.#timer = setTimeout(() => this.#tick(), TICK_MS);
  }

  #tick(): void {
    for (const client of [...this.#watched.keys()]) client.expire(STALLED_MS);
    if (!this.#working) {
      this.#working = true;
      // A link that closes ends the monitor; a ping that is late says nothing.
      this.#work()
        .catch(() => undefined)
        .finally(() => {
          this.#working = false;
        });
    }
    this.#schedule();
  }

  async #work(): Promise<void> {
    if (performance.now() - this.#pingedMs >= PING_EVERY_MS) await this.#ping();
    for (const direction of ['up', 'down'] as const) {
      if (!this.#closed && this.#quiet) await this.#probe(direction);
    }
  }

  /** Whether nothing waits to be sent that a probe would delay, or that would delay it. */
  get #quiet(): boolean {
    return this.#client.open && [...this.#watched.keys()].every((client) => client.unsentBytes === 0);
  }

  async #ping(options?: ReplyOptions): Promise<void> {
    this.#pingedMs = performance.now();
    this.estimator.roundTrip(await this.#client.ping(options), performance.now());
    this.#check();
  }

  /** Makes the probe that is due, if one is; tells whether. */
  async #probe(direction: LinkDirection): Promise<boolean> {
    const bytes = this.estimator.probeBytes(performance.now(), direction);
    if (bytes === undefined) return false;
    const begun = this.#countFrames();
    const warmBytes = this.#client.warmBytes()[direction];
    const window = this.#window(direction, bytes, warmBytes);
    const stop = (): boolean => this.#closed || this.#countFrames() !== begun;
    const outcome = await new ProbeTrain(this.#client, { direction, bytes, window, stop }).run();
    this.#learn(direction, outcome, { warmBytes, windowBytes: window.most });
    return true;
  }

  #learn(direction: LinkDirection, outcome: ProbeOutcome, how: { warmBytes: number; windowBytes: number }): void {
    const { whole, timing, roundTripMs } = outcome;
    const atMs = performance.now();
    if (roundTripMs !== undefined) this.estimator.roundTrip(roundTripMs, atMs);
    const { bytes, arrivals } = timing ?? { bytes: 0, arrivals: [] };
    const ms = timing === undefined ? 0 : timing.endMs - timing.startMs;
    const transfer = { direction, bytes, ms, arrivals, atMs, probe: true, ...how };
    if (whole && timing !== undefined) this.estimator.transfer(transfer);
    else this.estimator.gaveUp(direction, outcome.bytes, { ...transfer, bytes, ms });
    this.#check();
  }

  /** What of a probe may be under way: what fills the link, and little more where a request may come at any moment. */
  #window(direction: LinkDirection, bytes: number, warmBytes: number): { first: number; most: number } {
    const messageBytes = probeMessageBytes(bytes);
    const { upBytesPerMs, downBytesPerMs, delayMs } = this.estimate;
    const filling = 2 * delayMs * (direction === 'up' ? upBytesPerMs : downBytesPerMs);
    const busy = performance.now() - this.#busyMs < BUSY_MS;
    const known = busy ? filling + 2 * messageBytes : 2 * filling + 4 * messageBytes;
    // What is not known cannot be filled: then the window grows as TCP's does, unless a request might have to wait.
    const most = busy || !this.estimator.growing(direction) ? known : Math.max(known, bytes);
    return { first: Math.min(most, INITIAL_WINDOW_BYTES + warmBytes), most };
  }

  #countFrames(): number {
    let begun = 0;
    for (const client of this.#watched.keys()) begun += client.framesBegun;
    if (begun !== this.#framesBegun) {
      this.#framesBegun = begun;
      this.#busyMs = performance.now();
    }
    return begun;
  }

  #check(): void {
    const { estimate } = this;
    if (this.#closed || !leftBand(this.#announced, estimate)) return;
    this.#announced = estimate;
    for (const listener of [...this.#listeners]) listener(estimate);
  }
}
