import type { LinkEstimate } from '@d3/profile';
import {
  type ControlNotices,
  type Hello,
  type LinkClient,
  LinkMonitor,
  type LinkNotice,
  type Welcome,
} from '@d3/protocol';
import { sleep } from '@d3/runtime';
import type { FastifyBaseLogger } from 'fastify';
import type { UpstreamAddress } from '../options.ts';
import { connectLink } from './connect-link.ts';

/** What an upstream needs. */
export interface UpstreamOptions {
  readonly address: UpstreamAddress;
  /** How this server introduces itself. */
  readonly hello: Hello;
  readonly log: FastifyBaseLogger;
  /** Called whenever the upstream came, went, or is no longer as it was announced. */
  readonly onChange: () => void;
}

/** What is known of an upstream that is there. */
export interface UpstreamState {
  readonly welcome: Welcome;
  readonly link: LinkEstimate;
}

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;
const CHECK_EVERY_MS = 1_000;
const ANSWER_WITHIN_MS = 5_000;
/** An upstream of which nothing came for so long, though it is asked for a sign of life again and again, is away. */
const SILENT_MS = 7_500;

/**
 * Watches the next tier: one link of its own, opened when the server starts and again, with growing pauses, whenever it is lost. It
 * measures the link, and opens further links, greeted and ready, for those who have work for the next tier.
 */
export class Upstream {
  readonly url: string;
  readonly #options: UpstreamOptions;
  readonly #links = new Set<LinkClient>();
  readonly #stopped = new AbortController();
  readonly #settled: Promise<void>;
  #state: UpstreamState | undefined;
  #monitor: LinkMonitor | undefined;

  /** Starts watching. */
  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.url = options.address.link;
    this.#settled = new Promise((resolve) => void this.#watch(resolve));
  }

  /** What is known now; undefined while the upstream is away. */
  get state(): UpstreamState | undefined {
    return this.#state;
  }

  /** {@link state} once the first attempt to reach it has ended, one way or the other. */
  async firstState(): Promise<UpstreamState | undefined> {
    await this.#settled;
    return this.#state;
  }

  /**
   * A new link to the upstream, greeted. The caller closes it.
   *
   * @throws D3Error `PROTOCOL_LINK_UNREACHABLE`, `PROTOCOL_LINK_TIMEOUT`, or what the upstream answers to hello
   */
  async open(onNotice: (notice: LinkNotice) => void = () => {}): Promise<LinkClient> {
    const { link } = await this.#connect(onNotice);
    this.#monitor?.watch(link);
    return link;
  }

  /** Stops watching and closes every link. */
  close(): void {
    this.#stopped.abort();
    for (const link of this.#links) link.close();
  }

  async #connect(onNotice: (notice: LinkNotice) => void): Promise<{ link: LinkClient; welcome: Welcome }> {
    const { hello } = this.#options;
    const options = { url: this.url, hop: `${hello.tier}-upstream`, onNotice };
    const link = await connectLink(options, { timeoutMs: ANSWER_WITHIN_MS, signal: this.#stopped.signal });
    this.#links.add(link);
    void link.closed.then(() => this.#links.delete(link));
    try {
      return { link, welcome: await link.ask('hello', hello, { timeoutMs: ANSWER_WITHIN_MS }) };
    } catch (error) {
      link.close();
      throw error;
    }
  }

  async #watch(settled: () => void): Promise<void> {
    let pauseMs = FIRST_RETRY_MS;
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#attend(() => {
          pauseMs = FIRST_RETRY_MS;
          settled();
        });
      } catch (error) {
        if (this.#stopped.signal.aborted) break;
        this.#options.log.warn({ upstream: this.url, err: error }, 'upstream is away');
      }
      this.#lose();
      settled();
      await sleep(pauseMs * (0.5 + Math.random()), this.#stopped.signal);
      pauseMs = Math.min(LONGEST_RETRY_MS, pauseMs * 2);
    }
    this.#lose();
    settled();
  }

  /** One connection's life. Ends by throwing. */
  async #attend(reached: () => void): Promise<void> {
    const { link, welcome } = await this.#connect((notice) => void this.#hear(link, notice));
    const monitor = new LinkMonitor(link);
    this.#monitor = monitor;
    // Those that are still open from before measure the same way.
    for (const other of this.#links) monitor.watch(other);
    try {
      this.#state = { welcome, link: await monitor.measure({ timeoutMs: ANSWER_WITHIN_MS }) };
      monitor.onChange((estimate) => this.#update(estimate));
      reached();
      this.#options.onChange();
      this.#options.log.info({ upstream: this.url, link: this.#state.link }, 'upstream is there');
      await this.#untilLost(link);
    } finally {
      this.#monitor = undefined;
      link.close();
    }
  }

  /** Throws why, once the link has closed or gone silent, or this is to stop. */
  async #untilLost(link: LinkClient): Promise<never> {
    // One listener for the link's life: a race in every round would leave a reaction on its promise each time.
    const ended = new AbortController();
    void link.closed.then(({ code, reason }) => ended.abort(new Error(`closed with ${code} ${reason}`)));
    const either = AbortSignal.any([ended.signal, this.#stopped.signal]);
    for (;;) {
      await sleep(CHECK_EVERY_MS, either);
      either.throwIfAborted();
      const silentMs = link.idleMs().down;
      if (silentMs <= SILENT_MS) continue;
      // What waits on the others would wait for nothing.
      for (const other of this.#links) other.close();
      throw new Error(`silent for ${Math.round(silentMs)} ms`);
    }
  }

  #update(link: LinkEstimate): void {
    if (this.#state !== undefined) this.#setState({ ...this.#state, link });
  }

  async #hear(link: LinkClient, notice: LinkNotice): Promise<void> {
    this.#heed(notice);
    if (notice.type !== 'status' || this.#state === undefined) return;
    // A tier that came is only named there; hello tells the rest of it.
    const known = this.#state.welcome.tiers;
    if (notice.notice.profiles.length <= known.length) return;
    const again = link.ask('hello', this.#options.hello, { timeoutMs: ANSWER_WITHIN_MS });
    const welcome = await again.catch(() => undefined);
    if (welcome !== undefined && this.#state !== undefined) this.#setState({ ...this.#state, welcome });
  }

  #heed({ type, notice }: LinkNotice): void {
    const state = this.#state;
    if (type === 'draining') this.#lose();
    if (type === 'status' && state !== undefined) this.#setState({ ...state, welcome: refresh(state.welcome, notice) });
  }

  #setState(state: UpstreamState): void {
    this.#state = state;
    this.#options.onChange();
  }

  #lose(): void {
    if (this.#state === undefined) return;
    this.#state = undefined;
    this.#options.onChange();
  }
}

/** A welcome, as a later status has it. Tiers that the welcome did not describe are left out. */
function refresh(welcome: Welcome, status: ControlNotices['status']): Welcome {
  const described = new Map(welcome.tiers.map((tier) => [tier.profile.tier, tier]));
  const tiers = status.profiles.flatMap((profile) => {
    const tier = described.get(profile.tier);
    return tier === undefined ? [] : [{ ...tier, profile }];
  });
  // Hop k lies between tiers k and k + 1.
  const links = status.links.slice(0, Math.max(0, tiers.length - 1));
  return { ...welcome, tiers, links, models: status.models ?? welcome.models };
}
