import type { D3Error } from '@d3/errors';
import type { ManifestTensor } from '@d3/onnx';
import type { Tensor, TensorMap } from '@d3/tensor';
import type { SegmentRun, SegmentSession, SegmentSpec } from '../backend.ts';
import { runtimeError } from '../errors.ts';
import { SpareBuffers } from './spare-buffers.ts';
import { WorkerFailure, type WorkerHandle } from './worker-handle.ts';
import type { SessionPlan, ValueSpec } from './worker-messages.ts';
import type { WorkerPool } from './worker-pool.ts';

/** What a session has from its backend. */
export interface SessionContext {
  /** Unique in its pool, never 0. */
  readonly key: number;
  readonly pool: WorkerPool;
  readonly slowdown: number;
  readonly intraOpThreads: number;
  onDispose(): void;
}

/** A segment in every worker of a pool; see {@link SegmentSession} for what it guarantees. */
export class NodeSession implements SegmentSession {
  readonly backend = 'cpu';
  readonly #id: string;
  readonly #plan: SessionPlan;
  readonly #context: SessionContext;
  readonly #spares: SpareBuffers;
  #disposing: Promise<void> | undefined;

  constructor(spec: SegmentSpec, context: SessionContext) {
    this.#id = spec.id;
    this.#plan = planOf(spec, context.intraOpThreads);
    this.#context = context;
    this.#spares = new SpareBuffers(context.pool.size * Math.max(1, spec.model.inputs.length));
  }

  /** Builds it in every worker; on failure none keeps it. */
  async prepare(signal: AbortSignal | undefined): Promise<void> {
    const { key, pool } = this.#context;
    const loads = Array.from({ length: pool.size }, (_, slot) =>
      pool.submit({ owner: key, slot, signal, work: (worker) => this.#load(worker) }),
    );
    const failed = (await Promise.allSettled(loads)).find((load) => load.status === 'rejected');
    if (failed === undefined) return;
    await this.dispose();
    throw this.#explain(failed.reason, 'RUNTIME_CREATE_FAILED');
  }

  async run(inputs: TensorMap, options: { readonly signal?: AbortSignal } = {}): Promise<SegmentRun> {
    if (this.#disposing !== undefined) throw this.#disposedError();
    const queuedMs = performance.now();
    const { key, pool } = this.#context;
    const attempt = (): Promise<SegmentRun> =>
      pool.submit({
        owner: key,
        signal: options.signal,
        work: (worker) => this.#runIn(worker, inputs, performance.now() - queuedMs),
      });
    try {
      return await attempt().catch((error) => {
        if (error instanceof WorkerFailure && error.gone && this.#disposing === undefined) return attempt();
        throw error;
      });
    } catch (error) {
      throw this.#explain(error, 'RUNTIME_RUN_FAILED');
    }
  }

  dispose(): Promise<void> {
    this.#disposing ??= this.#release();
    return this.#disposing;
  }

  async #release(): Promise<void> {
    const { key, pool, onDispose } = this.#context;
    onDispose();
    pool.drop(key, this.#disposedError());
    const releases = Array.from({ length: pool.size }, (_, slot) =>
      pool.submit({ owner: 0, slot, work: (worker) => this.#unload(worker) }),
    );
    // A worker that is gone, or a pool that is closed, has freed it already.
    await Promise.allSettled(releases);
  }

  async #load(worker: WorkerHandle): Promise<void> {
    const { key } = this.#context;
    if (worker.sessions.has(key)) return;
    await worker.ask('create', { session: key, plan: this.#plan });
    worker.sessions.add(key);
  }

  async #unload(worker: WorkerHandle): Promise<void> {
    const { key } = this.#context;
    if (!worker.sessions.delete(key)) return;
    await worker.ask('release', { session: key });
  }

  async #runIn(worker: WorkerHandle, inputs: TensorMap, queueMs: number): Promise<SegmentRun> {
    const { key, slowdown } = this.#context;
    // A replaced worker has not got it yet.
    await this.#load(worker);
    const copies = this.#copy(inputs);
    const transfer = Object.values(copies).map((tensor) => tensor.bytes.buffer);
    const { outputs, computeMs, spent } = await worker.ask('run', { session: key, inputs: copies, slowdown }, transfer);
    for (const tensor of Object.values(spent)) this.#spares.give(tensor.bytes.buffer);
    return { outputs, computeMs, queueMs };
  }

  #copy(inputs: TensorMap): Record<string, Tensor> {
    const copies: Record<string, Tensor> = {};
    for (const [name, { type, shape, bytes }] of Object.entries(inputs)) {
      const copy = new Uint8Array(this.#spares.take(bytes.byteLength));
      copy.set(bytes);
      copies[name] = { type, shape, bytes: copy };
    }
    return copies;
  }

  #disposedError(): D3Error {
    return runtimeError('RUNTIME_DISPOSED', { what: `Segment ${this.#id}` });
  }

  #explain(error: unknown, code: 'RUNTIME_CREATE_FAILED' | 'RUNTIME_RUN_FAILED'): unknown {
    if (!(error instanceof WorkerFailure)) return error;
    const reason = error.message;
    if (error.gone) return runtimeError('RUNTIME_LOST', { backend: 'cpu', reason }, { cause: error });
    return runtimeError(code, { segment: this.#id, backend: 'cpu', reason }, { cause: error });
  }
}

function planOf(spec: SegmentSpec, intraOpThreads: number): SessionPlan {
  const { weights, model, level } = spec;
  return {
    model: model.bytes,
    level,
    warm: spec.warm !== false,
    intraOpThreads,
    inputs: model.inputs.map(valueSpec),
    outputs: model.outputs.map(valueSpec),
    weights: weights.kind === 'folder' ? weights : { kind: 'blobs', blobs: [...weights.blobs] },
  };
}

function valueSpec({ name, type, shape }: ManifestTensor): ValueSpec {
  return { name, type, shape };
}
