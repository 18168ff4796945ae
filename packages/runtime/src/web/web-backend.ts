import { isD3Error } from '@d3/errors';
import type { ShapeInference } from '@d3/onnx';
import * as Comlink from 'comlink';
import type { Backend, SegmentSession, SegmentSpec } from '../backend.ts';
import { runtimeError } from '../errors.ts';
import { goldenRun } from '../golden-run.ts';
import type { AdapterInfo, Opened, PrepareRequest, WebBackendName } from './compute-api.ts';
import { ComputeLink, type ComputeOptions } from './compute-link.ts';
import { Fifo } from './fifo.ts';
import { inferShapesThrough } from './infer-shapes.ts';
import { ownedCopy } from './owned-copy.ts';
import { WebSession } from './web-session.ts';

/** How {@link createWebBackend} sets itself up. */
export interface WebBackendOptions extends ComputeOptions {
  /** Factor ≥ 1 by which every run really takes longer. Default 1. */
  readonly slowdown?: number;
}

/** A {@link Backend} in a browser. */
export interface WebBackend extends Backend {
  readonly name: WebBackendName;
  /** The GPU that runs the segments; absent for wasm. */
  readonly adapter: AdapterInfo | undefined;
  /** Threads that wasm computes on: 1 unless the page is cross-origin isolated. */
  readonly threads: number;
  /** {@link ShapeInference} in the same worker, in the same queue as the runs. */
  readonly inferShapes: ShapeInference;
  /** Destroys the GPU device, as a driver's reset would, to see what follows; `lost` settles. Nothing happens on wasm. */
  loseDevice(): Promise<void>;
}

/**
 * Runs segments with onnxruntime-web in a compute worker of its own, which is terminated when the backend is disposed of or
 * lost: that alone frees its memory for sure. Call it in a page or in a worker.
 *
 * Runs, preparations and shape inference queue, one at a time, in the order of their calls.
 *
 * @throws D3Error `RUNTIME_WEBGPU_UNAVAILABLE`, `RUNTIME_ASSETS_NOT_FOUND`, `RUNTIME_SCRIPT_FORBIDDEN`,
 * `RUNTIME_WORKER_FAILED`, `RUNTIME_UNAVAILABLE`
 * @throws RangeError for a slowdown below 1, or threads that are not a whole number from 1 to 64
 */
export async function createWebBackend(options: WebBackendOptions): Promise<WebBackend> {
  const slowdown = options.slowdown ?? 1;
  checkOptions(slowdown, options.threads ?? 1);
  const { link, opened } = await ComputeLink.open(options);
  try {
    const queue = new Fifo();
    const context = { link, queue, backend: options.name };
    const unslowed = { ...context, slowdown: 1 };
    const numericClass = await goldenRun(
      { prepare: (spec) => prepareSession(spec, unslowed) },
      kindOf(options.name, opened),
    );
    return new DedicatedBackend({ ...context, slowdown, opened, numericClass });
  } catch (error) {
    link.close(`Backend ${options.name}`);
    throw error;
  }
}

function checkOptions(slowdown: number, threads: number): void {
  if (!(slowdown >= 1 && Number.isFinite(slowdown))) {
    throw new RangeError(`slowdown is ${slowdown} and must be a finite number ≥ 1`);
  }
  if (!Number.isInteger(threads) || threads < 1 || threads > 64) {
    throw new RangeError(`threads is ${threads} and must be a whole number from 1 to 64`);
  }
}

/** What else but its bits makes a backend a class of its own. */
function kindOf(name: WebBackendName, { version, adapter }: Opened): string {
  return [name, version, adapter?.vendor ?? '', adapter?.architecture ?? ''].join(' ').trim();
}

/** What sessions of one backend share. */
interface SharedCompute {
  readonly link: ComputeLink;
  readonly queue: Fifo;
  readonly backend: WebBackendName;
  readonly slowdown: number;
}

class DedicatedBackend implements WebBackend {
  readonly name: WebBackendName;
  readonly concurrency = 1;
  readonly slowdown: number;
  readonly numericClass: string;
  readonly lost: Promise<string>;
  readonly adapter: AdapterInfo | undefined;
  readonly threads: number;
  readonly inferShapes: ShapeInference;
  readonly #compute: SharedCompute;

  constructor(parts: SharedCompute & { readonly opened: Opened; readonly numericClass: string }) {
    this.#compute = parts;
    this.name = parts.backend;
    this.slowdown = parts.slowdown;
    this.numericClass = parts.numericClass;
    this.lost = parts.link.lost;
    this.adapter = parts.opened.adapter;
    this.threads = parts.opened.threads;
    this.inferShapes = (model) => parts.queue.run(() => inferShapesThrough(parts.link, model));
  }

  prepare(spec: SegmentSpec, options?: { readonly signal?: AbortSignal }): Promise<SegmentSession> {
    return prepareSession(spec, this.#compute, options?.signal);
  }

  loseDevice(): Promise<void> {
    return this.#compute.link.call((remote) => remote.loseDevice());
  }

  dispose(): Promise<void> {
    this.#compute.link.close(`Backend ${this.name}`);
    return Promise.resolve();
  }
}

async function prepareSession(spec: SegmentSpec, shared: SharedCompute, signal?: AbortSignal): Promise<WebSession> {
  const request = prepareRequest(spec, shared.backend);
  try {
    const { link, queue, backend, slowdown } = shared;
    const key = await queue.run(() => sendPrepare(link, request), signal);
    const session = new WebSession({ link, queue, backend, slowdown, id: spec.id, key });
    if (signal?.aborted === true) {
      await session.dispose();
      throw signal.reason;
    }
    return session;
  } catch (error) {
    if (isD3Error(error) || error === signal?.reason) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw runtimeError(
      'RUNTIME_CREATE_FAILED',
      { segment: spec.id, backend: shared.backend, reason },
      { cause: error },
    );
  }
}

/**
 * @throws D3Error `RUNTIME_CREATE_FAILED` for weights in a folder, which a browser has not
 */
function prepareRequest({ id, model, level, weights, warm }: SegmentSpec, backend: WebBackendName): PrepareRequest {
  if (weights.kind === 'folder') {
    const reason = `its weights are the folder '${weights.path}', and a browser needs blobs`;
    throw runtimeError('RUNTIME_CREATE_FAILED', { segment: id, backend, reason });
  }
  return {
    id,
    model: ownedCopy(model.bytes),
    level,
    warm: warm !== false,
    inputs: model.inputs.map(({ name, type, shape }) => ({ name, type, shape })),
    weights: [...weights.blobs].map(([path, data]) => ({ path, data: ownedCopy(data) })),
  };
}

function sendPrepare(link: ComputeLink, request: PrepareRequest): Promise<number> {
  const buffers = [request.model, ...request.weights.map(({ data }) => data)].map((bytes) => bytes.buffer);
  return link.call((remote) => remote.prepare(Comlink.transfer(request, buffers)));
}
