import { layerCosts, predictLayerMs, type TierLoad, type TierProfile } from '@d3/profile';
import type { Backend } from '@d3/runtime';
import type { StoredModel } from '../model-store/model-folder.ts';
import { IdleProbe } from './idle-probe.ts';
import { LoadMeter } from './load-meter.ts';

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
  /** From start to end, without the wait for a worker. */
  readonly measuredMs: number;
  readonly queueMs: number;
}

const TICK_MS = 500;
/** Probes of a tier that looks loaded, and of one that does not. */
const LOADED_EVERY_MS = 500;
const IDLE_EVERY_MS = 5_000;
const LOADED = 1.25;

/**
 * A tier's own load: every run is compared with what the profile predicts, and while nothing runs a probe now and then tells whether
 * others take the machine.
 */
export class OwnLoad {
  readonly #options: OwnLoadOptions;
  readonly #meter = new LoadMeter();
  readonly #predictions = new WeakMap<StoredModel, readonly number[]>();
  readonly #timer: NodeJS.Timeout;
  #probe: Promise<IdleProbe> | undefined;
  #contention = 1;
  #probedMs = Number.NEGATIVE_INFINITY;
  #probing = false;

  constructor(options: OwnLoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** The tier's profile with its load, once something ran. */
  get profile(): TierProfile {
    const { profile } = this.#options;
    const load = this.load;
    return load === undefined ? profile : { ...profile, load };
  }

  /** The load now; undefined as long as nothing ran. */
  get load(): TierLoad | undefined {
    return this.#meter.load(performance.now());
  }

  /** Takes in a run. */
  observe({ model, layers, measuredMs, queueMs }: MeasuredRun): void {
    const { profile, onChange } = this.#options;
    const times = this.#timesOf(model);
    const predictedMs = layers.reduce((sum, layer) => sum + (times[layer] ?? 0), profile.fixedMs);
    const subject = `${model.manifest.hash}/${layers[0]}-${layers.length}`;
    this.#meter.observe({ subject, predictedMs, measuredMs, queueMs, atMs: performance.now() });
    onChange();
  }

  /** Stops probing. */
  close(): void {
    clearInterval(this.#timer);
  }

  #timesOf(model: StoredModel): readonly number[] {
    const known = this.#predictions.get(model);
    if (known !== undefined) return known;
    const times = layerCosts(model.manifest).map((cost) => predictLayerMs(this.#options.profile, cost));
    this.#predictions.set(model, times);
    return times;
  }

  #tick(): void {
    this.#options.onChange();
    const { wanted, quiet } = this.#options;
    const nowMs = performance.now();
    const everyMs = this.#contention > LOADED || this.#meter.loaded ? LOADED_EVERY_MS : IDLE_EVERY_MS;
    const since = Math.min(nowMs - this.#probedMs, this.#meter.idleMs(nowMs));
    if (this.#probing || !wanted() || !quiet() || since < everyMs) return;
    this.#probing = true;
    this.#probedMs = nowMs;
    this.#runProbe()
      .then(() => {
        this.#probing = false;
      })
      .catch((error: unknown) => this.#options.onError(error));
  }

  async #runProbe(): Promise<void> {
    const { backend, quiet, onChange } = this.#options;
    this.#probe ??= IdleProbe.prepare(backend);
    const probe = await this.#probe;
    if (!quiet()) return;
    this.#contention = await probe.contention();
    this.#meter.probed(this.#contention);
    onChange();
  }
}
