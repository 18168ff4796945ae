import type { LinkEstimate, TierProfile } from '@d3/profile';
import type { Welcome } from '@d3/protocol';
import type { Backend } from '@d3/runtime';
import type { TierStatus } from './link/status-announcer.ts';
import type { ModelStore } from './model-store/model-store.ts';
import type { ServerLimits } from './options.ts';
import type { Upstream } from './upstream/upstream.ts';

/** What a tier knows of itself and of those behind it. */
export interface TierFacts {
  /** With its present load. */
  readonly profile: () => TierProfile;
  readonly backend: Backend;
  readonly store: ModelStore;
  readonly limits: ServerLimits;
  /** Where devices may reach this server directly, if they may. */
  readonly publicUrl: () => string | undefined;
}

/** Whether a tier is ready, and how it presents itself. */
export class TierState {
  readonly #facts: TierFacts;
  /** Set once, right after construction, since an upstream introduces itself by this tier's profile. */
  upstream: Upstream | undefined;
  draining = false;
  /** Name → hash of the models on this machine. */
  modelsHere: Readonly<Record<string, string>> = {};
  #lost: string | undefined;

  constructor(facts: TierFacts) {
    this.#facts = facts;
    void facts.backend.lost.then((reason) => {
      this.#lost = reason;
    });
  }

  /** Why nothing new should be sent here; undefined if it may. */
  unready(): string | undefined {
    if (this.draining) return 'draining';
    if (this.#lost !== undefined) return `backend lost: ${this.#lost}`;
    if (this.upstream !== undefined && this.upstream.state === undefined)
      return `upstream ${this.upstream.url} is away`;
    return undefined;
  }

  /** This tier, and those behind it as far as they are there. */
  profiles(): readonly TierProfile[] {
    return [this.#facts.profile(), ...(this.upstream?.state?.welcome.tiers ?? []).map(({ profile }) => profile)];
  }

  /** The links between {@link profiles}. */
  links(): readonly LinkEstimate[] {
    const state = this.upstream?.state;
    return state === undefined ? [] : [state.link, ...state.welcome.links];
  }

  /** What nearer tiers are told of changes. */
  status(): TierStatus {
    const models = { ...this.upstream?.state?.welcome.models, ...this.modelsHere };
    return { profiles: this.profiles(), links: this.links(), models };
  }

  /** The answer to hello; waits for the first attempt to reach the upstream. */
  async welcome(): Promise<Welcome> {
    const { profile, backend, store, limits, publicUrl } = this.#facts;
    const state = await this.upstream?.firstState();
    const url = publicUrl();
    const own = { profile: profile(), numericClass: backend.numericClass, ...(url === undefined ? {} : { url }) };
    const { maxTensorBytes, maxFrameBytes, maxInFlight } = limits;
    return {
      protocol: 1,
      tiers: [own, ...(state?.welcome.tiers ?? [])],
      links: this.links(),
      limits: { maxTensorBytes, maxFrameBytes, maxInFlight },
      models: await store.names(),
    };
  }
}
