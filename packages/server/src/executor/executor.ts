import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extractSegment } from '@d3/onnx';
import type { SegmentTiming } from '@d3/protocol';
import { abortable, type Backend, type SegmentSpec, SessionCache, type SessionLease } from '@d3/runtime';
import { type AssembledWeights, assembleWeights } from '@d3/runtime/node';
import type { TensorMap } from '@d3/tensor';
import { serverError } from '../errors.ts';
import type { MeasuredRun } from '../load/own-load.ts';
import type { StoredModel } from '../model-store/model-folder.ts';
import type { ModelStore } from '../model-store/model-store.ts';

/** What an executor works with. It owns none of it. */
export interface ExecutorOptions {
  readonly tier: string;
  readonly backend: Backend;
  readonly store: ModelStore;
  /** Folder for the assembled weights. */
  readonly cache: string;
  readonly maxQueued: number;
  /** Weights of prepared segments that are kept, in bytes; those in use may go beyond. */
  readonly maxSegmentBytes: number;
  /** Told of every run. */
  readonly onRun?: (run: MeasuredRun) => void;
}

/** Layers of a model, ready to run. Shared: whoever got it releases it once. */
export interface PreparedSegment extends SessionLease {
  /** What it is of. */
  readonly stored: StoredModel;
  readonly layers: readonly number[];
}

/** Outputs of a segment, and what it took. */
export interface ExecutedSegment {
  readonly outputs: TensorMap;
  readonly timing: SegmentTiming;
}

/**
 * Prepares and runs segments of stored models: the one place where this server computes, behind socket and HTTP alike. Equal
 * segments share a session, of whatever link they are.
 */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #weights = new Map<string, Promise<AssembledWeights>>();
  readonly #sessions: SessionCache;
  #queued = 0;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#sessions = new SessionCache(options.backend, { maxWeightBytes: options.maxSegmentBytes });
  }

  /** Requests that wait or run. */
  get queued(): number {
    return this.#queued;
  }

  /** Weights of prepared segments that are kept, in bytes. */
  get maxSegmentBytes(): number {
    return this.#options.maxSegmentBytes;
  }

  /** What more segments may take until some that are not in use have to go. */
  get freeBytes(): number {
    return Math.max(0, this.#options.maxSegmentBytes - this.#sessions.weightBytes);
  }

  /** Whether a segment is there, or about to be. */
  isWarm(model: StoredModel, layers: readonly number[]): boolean {
    return this.#sessions.ids.includes(segmentId(model, layers));
  }

  /**
   * Makes a segment ready and warm.
   *
   * @param layers - indices into the manifest's layers, ascending
   * @throws D3Error what the store, `@d3/onnx` or the backend throw; nothing is kept then
   */
  async prepare(model: StoredModel, layers: readonly number[]): Promise<PreparedSegment> {
    const id = segmentId(model, layers);
    return { ...(await this.#sessions.lend(id, () => this.#specOf(model, layers, id))), stored: model, layers };
  }

  /**
   * Runs a prepared segment once. An abort drops a run that waits at once, and does not wait for one that has begun.
   *
   * @throws D3Error `SERVER_BUSY`, what the backend throws; the signal's reason when aborted
   */
  async run(segment: PreparedSegment, inputs: TensorMap, signal: AbortSignal): Promise<ExecutedSegment> {
    const { tier, backend, maxQueued } = this.#options;
    if (this.#queued >= maxQueued) {
      throw serverError('SERVER_BUSY', { count: this.#queued, where: 'the executor', tier, max: maxQueued });
    }
    signal.throwIfAborted();
    this.#queued++;
    const running = segment.session.run(inputs, { signal });
    const done = () => {
      this.#queued--;
    };
    running.then(done, done);
    const { outputs, computeMs, queueMs } = await abortable(running, signal);
    this.#options.onRun?.({ model: segment.stored, layers: segment.layers, measuredMs: computeMs, queueMs });
    const { slowdown } = backend;
    const timing = { tier, backend: segment.session.backend, layers: segment.layers, computeMs, queueMs, slowdown };
    return { outputs, timing };
  }

  async #specOf(stored: StoredModel, layers: readonly number[], id: string): Promise<SegmentSpec> {
    const [graph, weights] = await Promise.all([this.#options.store.graph(stored), this.#weightsOf(stored)]);
    const model = extractSegment({ manifest: stored.manifest, graph }, layers, { locate: weights.locate });
    return { id, model, level: stored.manifest.level, weights: { kind: 'folder', path: weights.folder } };
  }

  #weightsOf(stored: StoredModel): Promise<AssembledWeights> {
    const { hash } = stored.manifest;
    const known = this.#weights.get(hash);
    if (known !== undefined) return known;
    const assembling = this.#assemble(stored);
    this.#weights.set(hash, assembling);
    assembling.catch(() => this.#weights.delete(hash));
    return assembling;
  }

  async #assemble(stored: StoredModel): Promise<AssembledWeights> {
    const { store, cache } = this.#options;
    const folder = join(cache, 'assembled');
    await mkdir(folder, { recursive: true });
    const { manifest } = stored;
    const read = (id: string) => readFile(store.weightFile(stored, id).path);
    return await assembleWeights(manifest, read, join(folder, `${manifest.hash}.bin`));
  }
}

function segmentId({ manifest }: StoredModel, layers: readonly number[]): string {
  return `${manifest.hash}/${createHash('sha256').update(layers.join(',')).digest('hex').slice(0, 16)}`;
}
