import type { LinkEstimate, LinkFit } from '@d3/profile';
import type { HopTiming } from '@d3/protocol';
import { expectedLink, stalledMs } from '../adaptation/index.ts';
import { HopOverheads } from './hop-overheads.ts';
import type { Uplink } from './uplink.ts';

/** The hops that there are, as they are known. */
export interface KnownHops {
  /** Names of all tiers, device first. */
  readonly tiers: readonly string[];
  /** One fewer than `tiers`. */
  readonly links: readonly LinkEstimate[];
  /** What the device itself is linked by; absent for a device alone. */
  readonly uplink: Uplink | undefined;
  /** Which of the hops that is. */
  readonly own: number;
  /** How long the device's link rests between requests; undefined when that cannot be told. */
  readonly restMs: number | undefined;
}

interface NamedFit {
  readonly hop: string;
  readonly fit: LinkFit;
}

/** How plans find the hops: by the estimate of their links, and by what crossing them has taken beyond that. */
export class LinkBeliefs {
  readonly #look: () => KnownHops;
  readonly #overheads = new HopOverheads();

  constructor(look: () => KnownHops) {
    this.#look = look;
  }

  /** Per hop: how a plan finds it that sends so much. */
  fits(): readonly LinkFit[] {
    const named = namedFits(this.#look());
    return named.map(
      ({ hop, fit }): LinkFit =>
        (bytes) =>
          this.#overheads.withOverhead(hop, fit(bytes)),
    );
  }

  /** For how long the device's link has been silent though something is under way; 0 when it is not. */
  silentMs(): number {
    const { uplink } = this.#look();
    if (uplink === undefined) return 0;
    const { monitor } = uplink;
    return stalledMs({ nowMs: performance.now(), estimate: monitor.estimate, pending: monitor.pendingTransfers() });
  }

  /** Takes in the hops that a request crossed. */
  observe(hops: readonly HopTiming[]): void {
    const fits = new Map(namedFits(this.#look()).map(({ hop, fit }) => [hop, fit]));
    for (const timing of hops) {
      const fit = fits.get(timing.hop);
      if (fit !== undefined) this.#overheads.observe(timing, fit);
    }
  }
}

function namedFits({ tiers, links, uplink, own, restMs }: KnownHops): readonly NamedFit[] {
  return links.map((link, hop) => {
    const fit: LinkFit = uplink !== undefined && hop === own ? ownFit(uplink, restMs) : () => link;
    return { hop: `${tiers[hop]}-${tiers[hop + 1]}`, fit };
  });
}

function ownFit({ monitor }: Uplink, restMs: number | undefined): LinkFit {
  return (bytes) => {
    const nowMs = performance.now();
    const { estimate, estimator } = monitor;
    const pending = monitor.pendingTransfers();
    const rest = restMs === undefined ? {} : { restMs };
    return expectedLink({ nowMs, estimate, ramp: estimator.ramp(nowMs), pending, bytes, ...rest });
  };
}
