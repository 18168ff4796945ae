import type { LoadedModel } from './load-model.ts';

/** What a {@link Standby} needs to know. */
export interface StandbyParts {
  readonly model: LoadedModel;
  /** Weights that the device may hold. */
  readonly memoryBytes: number;
  /** Whether a request runs, which a download would delay. */
  readonly busy: () => boolean;
  /** Prepares what the device lacks to go on alone, once all weights are there. */
  readonly prepare: (signal: AbortSignal) => Promise<void>;
  readonly ending: AbortSignal;
}

const LOOK_EVERY_MS = 500;
/** A session that is used has the next request at any moment: only one that rested for so long is taken to be idle. */
const IDLE_LOOKS = 3;
/** Segments that may never be used are prepared only where they take little of what the device may hold. */
const PREPARED_SHARE = 0.25;

/**
 * Fetches, one blob at a time and only while no request runs, the weights that the device lacks, and prepares its layers, so that it
 * can go on alone when every other tier is lost. Does nothing for a model that is larger than the device may hold; for one that
 * takes more than a quarter of it, weights are cached and nothing is prepared.
 */
export class Standby {
  readonly #parts: StandbyParts;
  readonly #missing: Set<string>;
  readonly #prepares: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idleLooks = 0;
  #working = false;

  constructor(parts: StandbyParts) {
    this.#parts = parts;
    const { manifest } = parts.model;
    const fits = manifest.totalWeightBytes <= parts.memoryBytes;
    this.#prepares = manifest.totalWeightBytes <= parts.memoryBytes * PREPARED_SHARE;
    this.#missing = new Set(fits ? manifest.weights.map(({ id }) => id) : []);
    parts.ending.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  /** Another plan went live: looks again what there is to do. */
  wake(): void {
    this.#lookIn(LOOK_EVERY_MS);
  }

  #lookIn(ms: number): void {
    if (this.#parts.ending.aborted || this.#working) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms);
  }

  async #look(): Promise<void> {
    this.#idleLooks = this.#parts.busy() ? 0 : this.#idleLooks + 1;
    if (this.#idleLooks < IDLE_LOOKS) return this.#lookIn(LOOK_EVERY_MS);
    this.#working = true;
    let again: number | undefined;
    try {
      again = await this.#work();
    } catch {
      // Whoever is to run the layers says why; meanwhile the link may come back.
      this.#idleLooks = 0;
      again = LOOK_EVERY_MS;
    }
    this.#working = false;
    if (again !== undefined) this.#lookIn(again);
  }

  /** One piece of the work. @returns when to look for the next; undefined when all is done */
  async #work(): Promise<number | undefined> {
    const { model, ending, prepare } = this.#parts;
    const next = model.manifest.weights.find(({ id }) => this.#missing.has(id) && !model.store.holds(id));
    if (next !== undefined) {
      await model.store.readWeights([next], { signal: ending });
      this.#missing.delete(next.id);
      return 0;
    }
    if (this.#prepares) await prepare(ending);
    return undefined;
  }
}
