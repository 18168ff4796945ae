import type { Remote } from 'comlink';
import { runtimeError } from '../errors.ts';
import type { ComputeApi, Opened, WebBackendName } from './compute-api.ts';
import { startWorker } from './start-worker.ts';
import { type Outcome, WorkerCalls } from './worker-calls.ts';

/** How long a worker's script may take to load before its start counts as failed. */
const START_TIMEOUT_MS = 30_000;

/** Where the compute worker comes from and what it loads. */
export interface ComputeOptions {
  readonly name: WebBackendName;
  /** URL of the folder with onnxruntime-web's files; a relative one is resolved against the page or script that calls. */
  readonly assets: string;
  /**
   * Threads for wasm. Default half of the cores, at most 4; always 1 on a page that is not cross-origin isolated, for there
   * is no shared memory.
   */
  readonly threads?: number;
  /** A port of a compute worker that somebody else started; see {@link startComputeWorker}. Default: start one here. */
  readonly port?: MessagePort;
}

/** A compute worker that was started, not opened. */
export interface ComputeWorker {
  /** May be transferred to the thread that calls `createWebBackend({port})`. */
  readonly port: MessagePort;
  /** Settles with the reason when the script cannot be loaded; never rejects. */
  readonly failed: Promise<string>;
  /** Ends it at once, whatever it is doing. */
  terminate(): void;
}

/**
 * Starts a compute worker where the caller stands: a page, or another worker (nested).
 *
 * @param worker - a worker made from `@d3/runtime/compute-worker` by a bundler that does not find it by itself
 */
export function startComputeWorker(worker?: Worker): ComputeWorker {
  const started =
    worker ??
    startWorker(
      (Worker) => new Worker(new URL('./compute-worker.js', import.meta.url), { type: 'module', name: 'd3-compute' }),
    );
  const { port1, port2 } = new MessageChannel();
  started.postMessage(port1, [port1]);
  const failed = new Promise<string>((resolve) => {
    started.addEventListener('error', (event) => {
      event.preventDefault();
      resolve(event.message || 'its script cannot be loaded');
    });
  });
  return { port: port2, failed, terminate: () => started.terminate() };
}

/**
 * An open compute worker, and its end.
 *
 * The session worker starts it nested, rather than the page starting both and joining them: only the thread that holds the
 * `Worker` can end one that hangs in a GPU call, and the session worker must be able to replace a lost one while the page is
 * busy or hidden. A caller that cannot nest workers passes a port.
 */
export class ComputeLink {
  /** Settles with the reason when the worker or its GPU is lost, not when it is ended by {@link close}; never rejects. */
  readonly lost: Promise<string>;
  readonly #calls: WorkerCalls<ComputeApi>;
  readonly #terminate: () => void;
  readonly #backend: WebBackendName;
  #ended = false;
  #resolveLost: (reason: string) => void = () => undefined;

  private constructor(backend: WebBackendName, port: MessagePort, terminate: (() => void) | undefined) {
    this.#backend = backend;
    this.#calls = new WorkerCalls<ComputeApi>(port);
    // A port's holder cannot terminate the worker, but ask it to end.
    this.#terminate = terminate ?? (() => void this.call((remote) => remote.close()).catch(() => undefined));
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
  }

  /**
   * Starts a worker and its runtime.
   *
   * @throws D3Error `RUNTIME_WORKER_FAILED`, `RUNTIME_WEBGPU_UNAVAILABLE`, `RUNTIME_ASSETS_NOT_FOUND`,
   * `RUNTIME_SCRIPT_FORBIDDEN`, `RUNTIME_UNAVAILABLE`
   */
  static async open(options: ComputeOptions): Promise<{ link: ComputeLink; opened: Opened }> {
    const assets = absoluteFolder(options.assets);
    const worker = options.port === undefined ? startComputeWorker() : undefined;
    const port = options.port ?? worker?.port;
    if (port === undefined) throw new TypeError('No port to a compute worker');
    const link = new ComputeLink(options.name, port, worker?.terminate);
    void worker?.failed.then((reason) => link.#end(runtimeError('RUNTIME_WORKER_FAILED', { reason })));
    try {
      await link.#awaitStart();
      const aliveLock = `d3-compute-${crypto.getRandomValues(new Uint32Array(4)).join('-')}`;
      const opened = await link.call((remote) =>
        remote.open({ backend: options.name, assets, aliveLock, threads: options.threads }),
      );
      link.#watch(aliveLock);
      return { link, opened };
    } catch (error) {
      link.close('compute worker');
      throw error;
    }
  }

  /** Sends one call; rejects when the worker is lost (`RUNTIME_LOST`) or closed (`RUNTIME_DISPOSED`). */
  call<T>(send: (remote: Remote<ComputeApi>) => PromiseLike<Outcome<T>>): Promise<T> {
    return this.#calls.call(send);
  }

  /** Ends the worker. Pending and later calls reject with `RUNTIME_DISPOSED`, naming `what`. */
  close(what: string): void {
    this.#end(runtimeError('RUNTIME_DISPOSED', { what }));
  }

  /** A worker that cannot load its script says so only to the thread that started it; a port's holder learns it by waiting. */
  async #awaitStart(): Promise<void> {
    const reason = `it did not answer within ${START_TIMEOUT_MS / 1000} s`;
    const timer = setTimeout(() => this.#end(runtimeError('RUNTIME_WORKER_FAILED', { reason })), START_TIMEOUT_MS);
    try {
      await this.call((remote) => remote.ping());
    } finally {
      clearTimeout(timer);
    }
  }

  #watch(aliveLock: string): void {
    const lose = (reason: string): void => {
      this.#end(runtimeError('RUNTIME_LOST', { backend: this.#backend, reason }));
      this.#resolveLost(reason);
    };
    this.call((remote) => remote.lost()).then(lose, () => undefined);
    // Granted when the worker no longer holds it, by whatever cause it ended.
    navigator.locks?.request(aliveLock, () => this.#ended || lose('its worker ended')).catch(() => undefined);
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#terminate();
    this.#calls.end(reason);
  }
}

/** A URL with an origin, ending in a slash; a worker made from a blob has no base of its own. */
function absoluteFolder(assets: string): string {
  const base = globalThis.location.protocol === 'blob:' ? globalThis.origin : globalThis.location.href;
  const { href } = new URL(assets, base);
  return href.endsWith('/') ? href : `${href}/`;
}
