import { type LayerCost, predictSegmentMs, segmentCosts, TierCorrection, type TierProfile } from '@d3/profile';
import type { Backend } from '@d3/runtime';
import type { StoredModel } from '../model-store/model-folder.ts';
import { IdleProbe } from './idle-probe.ts';
import { IdleTimes } from './idle-times.ts';

/** What watching a tier's own load needs. */
export interface OwnLoadOptions {
  /** Of the idle tier. */
  readonly profile: TierProfile;
  readonly backend: Backend;
  /** Whether somebody could want to know. */
  readonly wanted: () => boolean;
  /** Whether the executor has nothing to do, so that a probe delays nobody. */
  readonly quiet: () => boolean;
  /** Called whenever the load may have changed. */
  readonly onChange: () => void;
  /** Told when probes do not work; the load is then known from runs alone. */
  readonly onError: (error: unknown) => void;
}

/** What ran, and how long. */
export interface MeasuredRun {
  readonly model: StoredModel;
  readonly layers: readonly number[];
  /** In the backend. */
  readonly measuredMs: number;
  readonly queueMs: number;
}

const TICK_MS = 500;
/** Probes of a tier that looks loaded, and of one that does not. */
const LOADED_EVERY_MS = 500;
const IDLE_EVERY_MS = 5_000;
const LOADED = 1.25;
/** After so long without a run nobody waits for a worker. */
const IDLE_MS = 1_000;
/** A probe that tells what is believed anyway within this factor is not counted. */
const AS_BELIEVED = 1.15;
const MAX_COSTS = 256;

/**
 * A tier's own load: every run corrects the profile, and while nothing runs a probe now and then tells whether others take the machine.
 */
export class OwnLoad {
  readonly #options: OwnLoadOptions;
  readonly #correction: TierCorrection;
  readonly #idleTimes = new IdleTimes();
  readonly #costs = new Map<string, readonly LayerCost[]>();
  readonly #timer: NodeJS.Timeout;
  #profile: TierProfile;
  #probe: Promise<IdleProbe> | undefined;
  #contention = 1;
  #ranMs = Number.NEGATIVE_INFINITY;
  #probedMs = Number.NEGATIVE_INFINITY;
  #probing = false;

  constructor(options: OwnLoadOptions) {
    this.#options = options;
    this.#profile = options.profile;
    this.#correction = new TierCorrection(options.profile);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** The tier's profile as runs have corrected it, with its present load once something ran. */
  get profile(): TierProfile {
    const { load } = this.#profile;
    const waits = load !== undefined && load.queueMs > 0 && performance.now() - this.#ranMs <= IDLE_MS;
    return load === undefined || waits ? this.#profile : { ...this.#profile, load: { ...load, queueMs: 0 } };
  }

  /** Takes in a run. */
  observe({ model, layers, measuredMs, queueMs }: MeasuredRun): void {
    const id = `${model.manifest.hash}/${layers[0]}-${layers.at(-1)}-${layers.length}`;
    const costs = this.#costsOf(id, model, layers);
    this.#ranMs = performance.now();
    this.#idleTimes.note(id, { layers: costs, ms: measuredMs, atMs: this.#ranMs });
    this.#correct(costs, measuredMs, queueMs);
  }

  /** Stops probing. */
  close(): void {
    clearInterval(this.#timer);
  }

  #correct(layers: readonly LayerCost[], measuredMs: number, queueMs: number): void {
    this.#correction.observe({ layers, measuredMs, queueMs });
    this.#profile = this.#correction.profile;
    this.#options.onChange();
  }

  #costsOf(id: string, { manifest }: StoredModel, layers: readonly number[]): readonly LayerCost[] {
    const costs = this.#costs.get(id) ?? segmentCosts(manifest, layers);
    this.#costs.set(id, costs);
    const [oldest] = this.#costs.keys();
    if (this.#costs.size > MAX_COSTS && oldest !== undefined) this.#costs.delete(oldest);
    return costs;
  }

  #tick(): void {
    this.#options.onChange();
    const { wanted, quiet } = this.#options;
    const nowMs = performance.now();
    const everyMs = this.#contention > LOADED || this.#looksLoaded ? LOADED_EVERY_MS : IDLE_EVERY_MS;
    if (this.#probing || nowMs - Math.max(this.#probedMs, this.#ranMs) < everyMs || !wanted() || !quiet()) return;
    this.#probing = true;
    this.#probedMs = nowMs;
    this.#runProbe()
      .then(() => {
        this.#probing = false;
      })
      .catch((error: unknown) => this.#options.onError(error));
  }

  /** Whether what ran last is believed to take longer than it has. */
  get #looksLoaded(): boolean {
    const { last } = this.#idleTimes;
    return last !== undefined && predictSegmentMs(this.#profile, last.layers) > last.leastMs * LOADED;
  }

  async #runProbe(): Promise<void> {
    const { backend, quiet } = this.#options;
    this.#probe ??= IdleProbe.prepare(backend);
    const probe = await this.#probe;
    if (!quiet()) return;
    this.#contention = await probe.contention();
    const { last } = this.#idleTimes;
    if (last === undefined) return;
    // What ran last would take so much longer.
    const wouldTakeMs = last.leastMs * this.#contention;
    const apart = wouldTakeMs / predictSegmentMs(this.#profile, last.layers);
    if (apart > AS_BELIEVED || apart < 1 / AS_BELIEVED) this.#correct(last.layers, wouldTakeMs, 0);
  }
}
