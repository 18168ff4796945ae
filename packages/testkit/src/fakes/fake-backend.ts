import { D3Error } from '@d3/errors';
import type { SegmentModel } from '@d3/onnx';
import { byteLength, type Tensor, type TensorMap } from '@d3/tensor';

/** The part of a segment that the fake looks at. */
export interface FakeSegmentSpec {
  readonly id: string;
  readonly model: Pick<SegmentModel, 'inputs' | 'outputs'>;
}

/** A run of the fake, as the runtime's contract has it. */
export interface FakeRun {
  readonly outputs: TensorMap;
  readonly computeMs: number;
  readonly queueMs: number;
}

/** A session of the fake; it fits the runtime's `SegmentSession`. */
export interface FakeSession {
  readonly backend: 'cpu' | 'wasm' | 'webgpu';
  run(inputs: TensorMap, options?: { readonly signal?: AbortSignal }): Promise<FakeRun>;
  dispose(): Promise<void>;
}

/** How a {@link FakeBackend} behaves. */
export interface FakeBackendOptions {
  readonly name?: 'cpu' | 'wasm' | 'webgpu';
  /** Runs at once. 1 by default. */
  readonly concurrency?: number;
  readonly slowdown?: number;
  readonly numericClass?: string;
  /** What a run takes, reported and really waited. 0 by default. */
  readonly computeMs?: number;
  /** How it waits: a {@link FakeClock}'s `sleep`, or real timers by default. */
  readonly sleep?: (delayMs: number) => Promise<void>;
  /** Reads the time that waiting took: that clock's `now`. */
  readonly now?: () => number;
  /** Makes a segment's outputs; a throw is that run's failure. By default every byte is a hash of segment, output and inputs. */
  readonly compute?: (spec: FakeSegmentSpec, inputs: TensorMap) => TensorMap;
}

interface Job {
  readonly session: object;
  start(): void;
  fail(reason: unknown): void;
}

/**
 * A backend that runs no network, but keeps the promises of the runtime's `Backend`: runs queue by `concurrency`, a failed one
 * fails alone, outputs depend on inputs and on nothing else, and `lose` is what a lost GPU is.
 */
export class FakeBackend {
  readonly name: 'cpu' | 'wasm' | 'webgpu';
  readonly concurrency: number;
  readonly slowdown: number;
  readonly numericClass: string;
  /** Settles when {@link lose} was called. */
  readonly lost: Promise<string>;
  /** Segments prepared so far, by id, in order. */
  readonly prepared: string[] = [];
  readonly #options: FakeBackendOptions;
  readonly #jobs = new Set<Job>();
  #queue: Job[] = [];
  #running = 0;
  #gone: 'RUNTIME_LOST' | 'RUNTIME_DISPOSED' | undefined;
  #tellLost: (reason: string) => void = () => {};

  constructor(options: FakeBackendOptions = {}) {
    this.name = options.name ?? 'cpu';
    this.concurrency = options.concurrency ?? 1;
    this.slowdown = options.slowdown ?? 1;
    this.numericClass = options.numericClass ?? 'fake';
    this.#options = options;
    this.lost = new Promise((resolve) => {
      this.#tellLost = resolve;
    });
  }

  /** @throws D3Error `RUNTIME_LOST`, `RUNTIME_DISPOSED` */
  async prepare(spec: FakeSegmentSpec, options: { readonly signal?: AbortSignal } = {}): Promise<FakeSession> {
    options.signal?.throwIfAborted();
    if (this.#gone !== undefined) throw gone(this.#gone, spec.id);
    this.prepared.push(spec.id);
    const session: FakeSession = {
      backend: this.name,
      run: (inputs, runOptions) => this.#enqueue(spec, session, { inputs, signal: runOptions?.signal }),
      dispose: async () => {
        disposed.add(session);
        this.#failAll('RUNTIME_DISPOSED', spec.id, (job) => job.session === session);
      },
    };
    return session;
  }

  /** The device is gone: everything pending fails with `RUNTIME_LOST`, and so does what comes. */
  lose(reason: string): void {
    this.#end('RUNTIME_LOST');
    this.#tellLost(reason);
  }

  async dispose(): Promise<void> {
    this.#end('RUNTIME_DISPOSED');
  }

  #end(code: 'RUNTIME_LOST' | 'RUNTIME_DISPOSED'): void {
    this.#gone ??= code;
    this.#failAll(code, this.name, () => true);
  }

  #failAll(code: 'RUNTIME_LOST' | 'RUNTIME_DISPOSED', id: string, which: (job: Job) => boolean): void {
    for (const job of [...this.#jobs].filter(which)) job.fail(gone(code, id));
  }

  #enqueue(
    spec: FakeSegmentSpec,
    session: FakeSession,
    call: { readonly inputs: TensorMap; readonly signal: AbortSignal | undefined },
  ): Promise<FakeRun> {
    return new Promise((resolve, reject) => {
      if (this.#gone !== undefined) return reject(gone(this.#gone, spec.id));
      if (disposed.has(session)) return reject(gone('RUNTIME_DISPOSED', spec.id));
      if (call.signal?.aborted) return reject(call.signal.reason);
      const queuedMs = this.#now();
      const abort = (): void => job.fail(call.signal?.reason);
      const settle = (tell: () => void): void => {
        call.signal?.removeEventListener('abort', abort);
        this.#jobs.delete(job);
        this.#queue = this.#queue.filter((other) => other !== job);
        tell();
      };
      const job: Job = {
        session,
        start: () => {
          call.signal?.removeEventListener('abort', abort);
          const queueMs = this.#now() - queuedMs;
          this.#run(spec, call.inputs).then(
            (run) => settle(() => resolve({ ...run, queueMs })),
            (error) => settle(() => reject(error)),
          );
        },
        fail: (reason) => settle(() => reject(reason)),
      };
      call.signal?.addEventListener('abort', abort);
      this.#jobs.add(job);
      this.#queue.push(job);
      this.#startNext();
    });
  }

  #startNext(): void {
    while (this.#running < this.concurrency) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#running++;
      job.start();
    }
  }

  async #run(spec: FakeSegmentSpec, inputs: TensorMap): Promise<Omit<FakeRun, 'queueMs'>> {
    const { compute = hashOutputs, computeMs = 0, sleep = realSleep } = this.#options;
    try {
      const outputs = compute(spec, inputs);
      if (computeMs > 0) await sleep(computeMs);
      return { outputs, computeMs };
    } finally {
      this.#running--;
      this.#startNext();
    }
  }

  #now(): number {
    return (this.#options.now ?? performance.now.bind(performance))();
  }
}

const disposed = new WeakSet<FakeSession>();

function hashOutputs(spec: FakeSegmentSpec, inputs: TensorMap): TensorMap {
  const seed = hash(2_166_136_261, new TextEncoder().encode(spec.id));
  const sum = spec.model.inputs.reduce((state, { name }) => hash(state, inputs[name]?.bytes ?? new Uint8Array()), seed);
  return Object.fromEntries(
    spec.model.outputs.map(({ name, type, shape }, index): [string, Tensor] => {
      // Bytes under 64 make small positive numbers of every type, never NaN.
      const byte = hash(sum, Uint8Array.of(index)) & (type === 'bool' ? 1 : 63);
      return [name, { type, shape, bytes: new Uint8Array(byteLength(type, shape)).fill(byte) }];
    }),
  );
}

/** FNV-1a. */
function hash(state: number, bytes: Uint8Array): number {
  let value = state;
  for (const byte of bytes) value = Math.imul(value ^ byte, 16_777_619);
  return value >>> 0;
}

function realSleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}

function gone(code: 'RUNTIME_LOST' | 'RUNTIME_DISPOSED', id: string): D3Error {
  return new D3Error(
    code,
    `Fake backend: segment '${id}' has ${code === 'RUNTIME_LOST' ? 'lost its device' : 'been disposed of'}`,
    {
      status: 503,
      retryable: code === 'RUNTIME_LOST',
      details: { id },
    },
  );
}
