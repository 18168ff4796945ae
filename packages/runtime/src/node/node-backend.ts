import { isD3Error } from '@d3/errors';
import type { Backend, SegmentSession, SegmentSpec } from '../backend.ts';
import { runtimeError } from '../errors.ts';
import { goldenRun } from '../golden-run.ts';
import { NodeSession } from './node-session.ts';
import { WorkerPool } from './worker-pool.ts';

/** How {@link createNodeBackend} sets itself up. */
export interface NodeBackendOptions {
  /** The execution provider; only the CPU is built in. */
  readonly name?: 'cpu';
  /** Worker threads, each of which runs one segment at a time. Default 1. */
  readonly workers?: number;
  /** Factor ≥ 1 by which every run really takes longer. Default 1. */
  readonly slowdown?: number;
  /**
   * Threads inside one run. Default 1: several workers use the cores better, and the bits of some operators depend on it, so
   * tiers that promise each other equal bits set it alike.
   */
  readonly intraOpThreads?: number;
}

/** Above this many of each the machine only swaps. */
const MAX_THREADS = 256;

/**
 * Runs segments with onnxruntime-node in worker threads, so that the calling thread is never blocked.
 *
 * Every worker holds a session of every prepared segment; with `folder` weights they share one mapping of the file. A worker
 * that ends is replaced and its run is tried once more.
 *
 * @throws D3Error `RUNTIME_UNAVAILABLE` when onnxruntime-node does not load here
 * @throws RangeError for a count or a factor out of range
 */
export async function createNodeBackend(options: NodeBackendOptions = {}): Promise<Backend> {
  const settings = {
    workers: options.workers ?? 1,
    slowdown: options.slowdown ?? 1,
    intraOpThreads: options.intraOpThreads ?? 1,
  };
  checkCount('workers', settings.workers);
  checkCount('intraOpThreads', settings.intraOpThreads);
  if (!(settings.slowdown >= 1 && Number.isFinite(settings.slowdown))) {
    throw new RangeError(`slowdown is ${settings.slowdown} and must be a finite number ≥ 1`);
  }
  try {
    const pool = await WorkerPool.start(settings.workers);
    return await NodeBackend.start(pool, settings).catch(async (error) => {
      await pool.close(error);
      throw error;
    });
  } catch (error) {
    if (isD3Error(error)) throw error;
    throw runtimeError('RUNTIME_UNAVAILABLE', { backend: 'cpu', reason: (error as Error).message }, { cause: error });
  }
}

function checkCount(option: string, value: number): void {
  if (!Number.isInteger(value) || value < 1 || value > MAX_THREADS) {
    throw new RangeError(`${option} is ${value} and must be a whole number from 1 to ${MAX_THREADS}`);
  }
}

class NodeBackend implements Backend {
  readonly name = 'cpu';
  readonly concurrency: number;
  readonly slowdown: number;
  readonly lost: Promise<string>;
  numericClass = '';
  readonly #pool: WorkerPool;
  readonly #intraOpThreads: number;
  readonly #sessions = new Set<NodeSession>();
  #nextKey = 1;

  private constructor(pool: WorkerPool, settings: Required<Omit<NodeBackendOptions, 'name'>>) {
    this.#pool = pool;
    this.concurrency = pool.size;
    this.slowdown = settings.slowdown;
    this.#intraOpThreads = settings.intraOpThreads;
    this.lost = pool.lost.then(async (reason) => {
      await pool.close(runtimeError('RUNTIME_LOST', { backend: 'cpu', reason }));
      return reason;
    });
  }

  static async start(pool: WorkerPool, settings: Required<Omit<NodeBackendOptions, 'name'>>): Promise<NodeBackend> {
    const backend = new NodeBackend(pool, settings);
    const { version } = await pool.submit({ owner: 0, work: (worker) => worker.ask('start', {}) });
    backend.numericClass = await goldenRun(backend, `cpu ${version}`);
    return backend;
  }

  async prepare(spec: SegmentSpec, options: { readonly signal?: AbortSignal } = {}): Promise<SegmentSession> {
    const session = new NodeSession(spec, {
      key: this.#nextKey++,
      pool: this.#pool,
      slowdown: this.slowdown,
      intraOpThreads: this.#intraOpThreads,
      onDispose: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    await session.prepare(options.signal);
    return session;
  }

  async dispose(): Promise<void> {
    await this.#pool.close(runtimeError('RUNTIME_DISPOSED', { what: 'Backend cpu' }));
    this.#sessions.clear();
  }
}
