import type { LinkEstimate, TierProfile } from '@d3/profile';

/** What a server says of the tiers from itself on: those that are there, nearest first, and the links between them. */
export interface TierReport {
  readonly profiles: readonly TierProfile[];
  /** The device's hop first. */
  readonly links: readonly LinkEstimate[];
}

/** A hop that is not there because a link leads past it. */
const NO_HOP: LinkEstimate = { upBytesPerMs: 1e9, downBytesPerMs: 1e9, delayMs: 0 };

/**
 * The tiers past the device, for as long as the session lives. One that goes away keeps its place, so that plans before and after
 * number tiers alike; it is only {@link away}.
 */
export class KnownTiers {
  #profiles: readonly TierProfile[] = [];
  #links: readonly LinkEstimate[] = [];
  #away: ReadonlySet<string> = new Set();

  /** All that were ever there, nearest first. */
  get profiles(): readonly TierProfile[] {
    return this.#profiles;
  }

  /** One per profile: the hop before it, as last known. */
  get links(): readonly LinkEstimate[] {
    return this.#links;
  }

  /** Names of the tiers that cannot be used now. */
  get away(): readonly string[] {
    return this.#profiles.map(({ tier }) => tier).filter((tier) => this.#away.has(tier));
  }

  /** Whether any tier can be used. */
  get reachable(): boolean {
    return this.#away.size < this.#profiles.length;
  }

  /**
   * Takes over what a server reports. Tiers that it does not list are away; where they lie before one that it lists, the link leads
   * past them.
   *
   * @returns whether a tier came or went
   */
  learn({ profiles, links }: TierReport): boolean {
    const before = this.present.join();
    const there = new Map(profiles.map((profile, index) => [profile.tier, { profile, link: links[index] ?? NO_HOP }]));
    const names = [...this.#profiles.map(({ tier }) => tier), ...profiles.map(({ tier }) => tier)];
    const all = [...new Set(names)];
    const merged = all.map((tier) => there.get(tier)?.profile ?? this.#profiles.find((known) => known.tier === tier));
    const lastThere = all.findLastIndex((tier) => there.has(tier));
    this.#links = all.map((tier, index) => {
      const old = this.#links[index] ?? NO_HOP;
      return there.get(tier)?.link ?? (index < lastThere ? NO_HOP : old);
    });
    this.#profiles = merged.filter((profile) => profile !== undefined);
    this.#away = new Set(all.filter((tier) => !there.has(tier)));
    return this.present.join() !== before;
  }

  /** No tier can be used; what is known of them stays. */
  lose(): void {
    this.#away = new Set(this.#profiles.map(({ tier }) => tier));
  }

  /** Names of the tiers that can be used now. */
  get present(): readonly string[] {
    return this.#profiles.map(({ tier }) => tier).filter((tier) => !this.#away.has(tier));
  }
}
