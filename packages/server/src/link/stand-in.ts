import { isD3Error } from '@d3/errors';
import type { SidecarInput } from '@d3/runtime';
import type { Executor, PreparedSegment } from '../executor/executor.ts';
import type { StoredModel } from '../model-store/model-folder.ts';

/** What a stand-in is for. */
export interface StandInOptions {
  readonly executor: Executor;
  readonly model: StoredModel;
  /** Everything behind this tier, ascending. */
  readonly layers: readonly number[];
  /** Network inputs that may come as pictures. */
  readonly pictures: ReadonlyMap<string, SidecarInput>;
}

/** Prepared ahead only once nothing has run for so long: preparing takes a worker's time. */
const QUIET_MS = 250;

/**
 * The layers of the tiers behind, to be run here when those are lost. It keeps nothing on loan: what was prepared ahead stays in the
 * executor's cache and yields to segments that are needed more.
 */
export class StandIn {
  readonly #options: StandInOptions;
  readonly #weightBytes: number;
  readonly #stopped = new AbortController();

  constructor(options: StandInOptions) {
    this.#options = options;
    const { layers } = options.model.manifest;
    this.#weightBytes = options.layers.reduce((sum, index) => sum + (layers[index]?.weightBytes ?? 0), 0);
  }

  /** Whether it could run at once. */
  get warm(): boolean {
    const { executor, model, layers } = this.#options;
    return executor.isWarm(model, layers);
  }

  /** Network inputs that may come as pictures. */
  get pictures(): ReadonlyMap<string, SidecarInput> {
    return this.#options.pictures;
  }

  /** Why this tier may not run those layers; undefined if it may. */
  get obstacle(): string | undefined {
    const { maxSegmentBytes } = this.#options.executor;
    if (this.#weightBytes <= maxSegmentBytes) return undefined;
    return `its layers take ${this.#weightBytes} bytes of weights and maxSegmentBytes is ${maxSegmentBytes}`;
  }

  /**
   * The layers, ready to run here. Released by the caller.
   *
   * @throws D3Error what preparing throws
   */
  async lend(): Promise<PreparedSegment> {
    const { executor, model, layers } = this.#options;
    return await executor.prepare(model, layers);
  }

  /** Prepares at once and leaves it in the cache. What goes wrong is found again when it is needed. */
  async warmUp(): Promise<void> {
    if (this.obstacle !== undefined || this.#stopped.signal.aborted) return;
    await this.lend().then(
      (segment) => segment.release(),
      (error: unknown) => {
        if (!isD3Error(error)) throw error;
      },
    );
  }

  /** Prepares when the executor has been quiet for a moment, if that pushes nothing else out of its memory. */
  async warmUpAhead(): Promise<void> {
    const { executor } = this.#options;
    const { signal } = this.#stopped;
    do await quietly(QUIET_MS, signal);
    while (!signal.aborted && executor.queued > 0);
    if (!signal.aborted && !this.warm && executor.freeBytes >= this.#weightBytes) await this.warmUp();
  }

  /** Ends preparing ahead. */
  stop(): void {
    this.#stopped.abort();
  }
}

/** Sleeps without keeping the process alive; wakes at once when the signal is aborted. */
function quietly(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    timer.unref();
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
