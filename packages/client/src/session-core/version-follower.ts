import type { EdgeKeeper } from './edge-keeper.ts';
import type { EventHub } from './event-hub.ts';
import { interfaceChange } from './interface-change.ts';
import type { LivePlan } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';

/** How a model is found again by its name. */
export interface ModelVersions {
  readonly name: string;
  /** Loads the version that the edge has now. */
  readonly load: (signal: AbortSignal) => Promise<LoadedModel>;
}

/** What a {@link VersionFollower} works with. */
export interface VersionParts {
  readonly versions: ModelVersions;
  readonly plan: LivePlan;
  readonly edge: EdgeKeeper;
  readonly hub: EventHub;
  /** Aborted when the session ends. */
  readonly ending: AbortSignal;
}

/** Goes over to another version of the model when the edge has one that is asked for alike. */
export class VersionFollower {
  readonly #parts: VersionParts;
  /** Of the version that was taken, or refused, last. */
  #seenHash: string | undefined;

  constructor(parts: VersionParts) {
    this.#parts = parts;
  }

  /** Looks at what the edge has now; says so when it cannot be used. Never rejects. */
  async look(): Promise<void> {
    const { versions, plan, edge, hub, ending } = this.#parts;
    if (!plan.ready) return;
    const hash = edge.uplink?.models[versions.name];
    if (hash === undefined || hash === plan.model.manifest.hash || hash === this.#seenHash) return;
    this.#seenHash = hash;
    try {
      await this.#take(await versions.load(ending));
    } catch (error) {
      if (ending.aborted) return;
      const reason = `another version of model '${versions.name}' cannot be used: ${(error as Error).message}`;
      const { tierOf } = plan.epoch.parts;
      hub.emit('considered', { reason, obstacle: 'failure', tierOf, predictedGainMs: 0, bytes: 0 });
    }
  }

  async #take(model: LoadedModel): Promise<void> {
    const { versions, plan } = this.#parts;
    const { manifest } = plan.model;
    if (model.manifest.hash === manifest.hash) return;
    const obstacle = interfaceChange(manifest, model.manifest);
    if (obstacle !== undefined) throw new Error(obstacle);
    await plan.switchTo({ reason: `the edge has another version of model '${versions.name}'`, model });
  }
}
