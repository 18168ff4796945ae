import { KnownTiers } from './known-tiers.ts';
import { Retrier } from './retrier.ts';
import type { Uplink } from './uplink.ts';

/** Names of tiers behind the edge that came or went. */
export interface TierChange {
  readonly gone: readonly string[];
  readonly come: readonly string[];
}

/** What an {@link EdgeKeeper} tells. */
export interface EdgeListener {
  /** A tier's load or a link changed. */
  readonly onStatus: () => void;
  /** Tiers behind the edge came or went: plans made before may name what is not there. */
  readonly onTiers: (change: TierChange) => void;
  /** The edge can no longer be used. */
  readonly onLost: (reason: string) => void;
  /** Tiers past the device can be used again. */
  readonly onBack: (reason: string) => void;
}

/** Where a tier may be reached directly. */
export interface TierAddress {
  readonly tier: string;
  readonly url: string;
}

/** How an {@link EdgeKeeper} gets its links. Both reject when the signal is aborted. */
export interface EdgeConnections {
  /** Opens a link to the edge. */
  readonly connect: (signal: AbortSignal) => Promise<Uplink>;
  /** Opens a link straight to a tier behind it; absent where policy forbids that. */
  readonly connectPast?: (to: TierAddress, signal: AbortSignal) => Promise<Uplink>;
}

/** A link that answers nothing for so long after a pause is taken to be lost. */
const AWAKE_WITHIN_MS = 5_000;

/**
 * Keeps the link to the edge: learns what the edge reports, notices its end, and connects again. Meanwhile it links straight to a tier
 * behind the edge, if one has told its address.
 */
export class EdgeKeeper {
  readonly #connections: EdgeConnections;
  readonly #listener: EdgeListener;
  readonly #retrier: Retrier;
  readonly #ending: AbortSignal;
  readonly #tiers = new KnownTiers();
  /** Links that are open, whether or not plans may be made over them. */
  readonly #open = new Set<Uplink>();
  #edge: Uplink | undefined;
  #past: Uplink | undefined;
  #detour: Promise<void> | undefined;
  /** Tiers behind the edge that may be reached directly, nearest first. */
  #behind: readonly TierAddress[] = [];

  /** @param ending - aborted when the session ends */
  constructor(connections: EdgeConnections, ending: AbortSignal, listener: EdgeListener) {
    this.#connections = connections;
    this.#listener = listener;
    this.#ending = ending;
    this.#retrier = new Retrier(async (signal) => {
      this.adopt(await connections.connect(signal));
      listener.onBack('the edge is back');
    }, ending);
    ending.addEventListener(
      'abort',
      () => {
        for (const uplink of this.#open) uplink.client.close();
      },
      { once: true },
    );
  }

  /** The link that plans may be made over. */
  get uplink(): Uplink | undefined {
    return [this.#edge, this.#past].find((uplink) => uplink !== undefined && !uplink.draining);
  }

  /** Whether the edge still finishes what runs, though it takes nothing new. */
  get draining(): boolean {
    return this.#edge?.draining === true;
  }

  /** Tiers past the device, those that are away included. */
  get tiers(): KnownTiers {
    return this.#tiers;
  }

  /** Settles when the link past a lost edge is there, or cannot be had; at once when none is being opened. */
  async detour(): Promise<void> {
    await this.#detour;
  }

  /** Takes a link to the edge over. */
  adopt(uplink: Uplink): void {
    if (!this.#take(uplink)) return;
    this.#edge = uplink;
    this.#past = undefined;
    this.#behind = uplink.welcome.tiers
      .slice(1)
      .flatMap(({ profile, url }) => (url === undefined ? [] : [{ tier: profile.tier, url }]));
    this.#tiers.learn(uplink);
    uplink.onDraining = (reason) => this.#leaveEdge(`it is draining: ${reason}`);
    void uplink.client.closed.then(({ code, reason }) => {
      if (this.#edge !== uplink || this.#ending.aborted) return;
      this.#edge = undefined;
      if (!uplink.draining) this.#leaveEdge(`the link closed with ${code}${reason === '' ? '' : ` (${reason})`}`);
      this.#retrier.start();
    });
  }

  /** Looks at once whether the links still are, and tries again at once to reach an edge that is lost. */
  wake(): void {
    this.#retrier.hurry();
    for (const { client } of this.#open) {
      // A socket that ended while nobody could hear of it says so only when it is used.
      client.ping({ timeoutMs: AWAKE_WITHIN_MS }).catch(() => client.close());
    }
  }

  /** Closes the links that plans are no longer made over and that are not among `used`. */
  endIdle(used: ReadonlySet<Uplink>): void {
    for (const uplink of this.#open) {
      if (uplink !== this.#edge && uplink !== this.#past && !used.has(uplink)) uplink.client.close();
    }
  }

  #take(uplink: Uplink): boolean {
    if (this.#ending.aborted) {
      uplink.client.close();
      return false;
    }
    this.#open.add(uplink);
    void uplink.client.closed.then(() => this.#open.delete(uplink));
    uplink.onStatus = () => {
      if (this.uplink !== uplink) return;
      const before = this.#tiers.present;
      const changed = this.#tiers.learn(uplink);
      const now = this.#tiers.present;
      this.#listener.onStatus();
      if (!changed) return;
      const [gone, come] = [before.filter((tier) => !now.includes(tier)), now.filter((tier) => !before.includes(tier))];
      this.#listener.onTiers({ gone, come });
    };
    return true;
  }

  #leaveEdge(reason: string): void {
    this.#tiers.lose();
    this.#detour ??= this.#goPast().finally(() => {
      this.#detour = undefined;
    });
    this.#listener.onLost(reason);
  }

  /** Links straight to the nearest tier behind the edge that can be reached. */
  async #goPast(): Promise<void> {
    const { connectPast } = this.#connections;
    if (connectPast === undefined) return;
    for (const address of this.#behind) {
      const uplink = await connectPast(address, this.#ending).catch(() => undefined);
      if (uplink === undefined) continue;
      const superseded = this.#edge !== undefined && !this.#edge.draining;
      if (superseded) return uplink.client.close();
      this.#adoptPast(uplink);
      return;
    }
  }

  #adoptPast(uplink: Uplink): void {
    if (!this.#take(uplink)) return;
    this.#past = uplink;
    this.#tiers.learn(uplink);
    const leave = (reason: string) => {
      if (this.#past !== uplink || this.#ending.aborted) return;
      this.#past = undefined;
      if (this.uplink !== undefined) return;
      this.#tiers.lose();
      this.#listener.onLost(reason);
    };
    uplink.onDraining = (reason) => leave(`the tier past it is draining: ${reason}`);
    void uplink.client.closed.then(({ code }) => leave(`the link past it closed with ${code}`));
    this.#listener.onBack(`linked past the edge to the ${uplink.profiles[0]?.tier}`);
  }
}
