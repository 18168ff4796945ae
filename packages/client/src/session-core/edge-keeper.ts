import type { LinkEstimate, TierProfile } from '@d3/profile';
import { Reconnector } from './reconnector.ts';
import type { Uplink } from './uplink.ts';

/** What an {@link EdgeKeeper} tells. */
export interface EdgeListener {
  /** A tier's load or a link changed. */
  readonly onStatus: () => void;
  /** The edge can no longer be used. */
  readonly onLost: (reason: string) => void;
  /** The edge can be used again. */
  readonly onBack: () => void;
}

/** Keeps the link to the edge: learns what the edge reports, notices its end, and connects again. */
export class EdgeKeeper {
  readonly #listener: EdgeListener;
  readonly #reconnector: Reconnector;
  readonly #ending: AbortSignal;
  #uplink: Uplink | undefined;
  #profiles: readonly TierProfile[] = [];
  #links: readonly LinkEstimate[] = [];

  /**
   * @param connect - opens another link
   * @param ending - aborted when the session ends
   */
  constructor(connect: (signal: AbortSignal) => Promise<Uplink>, ending: AbortSignal, listener: EdgeListener) {
    this.#listener = listener;
    this.#ending = ending;
    this.#reconnector = new Reconnector(async (signal) => {
      this.adopt(await connect(signal));
      listener.onBack();
    }, ending);
    ending.addEventListener('abort', () => this.#uplink?.client.close(), { once: true });
  }

  /** The link, if plans may be made over it. */
  get uplink(): Uplink | undefined {
    return this.#uplink?.draining === true ? undefined : this.#uplink;
  }

  /** Whether the edge still finishes what runs, though it takes nothing new. */
  get draining(): boolean {
    return this.#uplink?.draining === true;
  }

  /** Tiers past the device as last known, nearest first. */
  get profiles(): readonly TierProfile[] {
    return this.#profiles;
  }

  /** Links as last known, the device's first. */
  get links(): readonly LinkEstimate[] {
    return this.#links;
  }

  /** Takes a link over. */
  adopt(uplink: Uplink): void {
    if (this.#ending.aborted) {
      uplink.client.close();
      return;
    }
    this.#uplink = uplink;
    this.#learn(uplink);
    uplink.onStatus = () => {
      if (this.#uplink !== uplink) return;
      this.#learn(uplink);
      this.#listener.onStatus();
    };
    uplink.onDraining = (reason) => this.#listener.onLost(`it is draining: ${reason}`);
    void uplink.client.closed.then(({ code, reason }) => {
      if (this.#uplink !== uplink || this.#ending.aborted) return;
      this.#uplink = undefined;
      this.#listener.onLost(`the link closed with ${code}${reason === '' ? '' : ` (${reason})`}`);
      this.#reconnector.start();
    });
  }

  #learn({ profiles, links }: Uplink): void {
    this.#profiles = profiles;
    this.#links = links;
  }
}
