import type { InferredValue } from '@d3/onnx';
import { byteLength, type TensorMap } from '@d3/tensor';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';
import { fromOrtTensor, toOrtTensor } from '../ort-tensor.ts';
import { slowDown } from '../slow-down.ts';
import type {
  AdapterInfo,
  ComputeApi,
  Opened,
  OpenRequest,
  PrepareRequest,
  RunReply,
  RunRequest,
} from './compute-api.ts';
import { loadOrt, type OrtModule } from './load-ort.ts';
import { type Outcome, outcomeOf } from './worker-calls.ts';

interface LiveSession {
  readonly session: InferenceSession;
  readonly outputNames: readonly string[];
}

/** The compute worker: onnxruntime-web and the sessions in it, nothing else. */
export class Compute implements ComputeApi {
  readonly #live = new Map<number, LiveSession>();
  readonly #lost: Promise<string>;
  #resolveLost: (reason: string) => void = () => undefined;
  #ort: OrtModule | undefined;
  #backend: OpenRequest['backend'] = 'wasm';
  #device: GPUDevice | undefined;
  #nextSession = 1;

  constructor() {
    this.#lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
  }

  ping(): Promise<Outcome<true>> {
    return outcomeOf(() => true as const);
  }

  open(request: OpenRequest): Promise<Outcome<Opened>> {
    return outcomeOf(async () => {
      await holdLock(request.aliveLock);
      const ort = await loadOrt(request);
      this.#ort = ort;
      this.#backend = request.backend;
      if (request.backend === 'webgpu') this.#device = await this.#watchDevice(ort);
      return {
        version: ort.env.versions.web ?? 'unknown',
        threads: ort.env.wasm.numThreads ?? 1,
        adapter: this.#device === undefined ? undefined : adapterInfoOf(this.#device.adapterInfo),
      };
    });
  }

  prepare(request: PrepareRequest): Promise<Outcome<number>> {
    return outcomeOf(() =>
      this.#noticingAborts(async () => {
        const session = await this.#create(request);
        const id = this.#nextSession++;
        const live = { session, outputNames: session.outputNames };
        try {
          if (request.warm) await this.#warm(live, request);
        } catch (error) {
          await session.release().catch(() => undefined);
          throw error;
        }
        this.#live.set(id, live);
        return id;
      }),
    );
  }

  run({ session, inputs, slowdown }: RunRequest): Promise<Outcome<RunReply>> {
    return outcomeOf(
      () =>
        this.#noticingAborts(async () => {
          const live = this.#live.get(session);
          if (live === undefined) throw new Error(`session ${session} is not loaded in this worker`);
          const startedMs = performance.now();
          const outputs = await this.#runSession(live, inputs);
          const computeMs = await slowDown(performance.now() - startedMs, slowdown, sleep);
          return { outputs, computeMs };
        }),
      ({ outputs }) => [...new Set(Object.values(outputs).map((tensor) => tensor.bytes.buffer))],
    );
  }

  release(session: number): Promise<Outcome<void>> {
    return outcomeOf(async () => {
      const live = this.#live.get(session);
      this.#live.delete(session);
      await live?.session.release();
    });
  }

  inferShapes(model: Uint8Array<ArrayBuffer>): Promise<Outcome<readonly InferredValue[]>> {
    return outcomeOf(() =>
      this.#noticingAborts(async () => {
        const session = await this.#opened().InferenceSession.create(model, {
          executionProviders: ['wasm'],
          graphOptimizationLevel: 'disabled',
        });
        try {
          return session.outputMetadata.flatMap((value) =>
            value.isTensor ? [{ name: value.name, type: value.type, shape: value.shape }] : [],
          );
        } finally {
          await session.release();
        }
      }),
    );
  }

  lost(): Promise<Outcome<string>> {
    return outcomeOf(() => this.#lost);
  }

  loseDevice(): Promise<Outcome<void>> {
    return outcomeOf(() => this.#device?.destroy());
  }

  close(): Promise<Outcome<void>> {
    return outcomeOf(() => globalThis.close());
  }

  #opened(): OrtModule {
    if (this.#ort === undefined) throw new TypeError('The compute worker was asked to work before it was opened');
    return this.#ort;
  }

  async #watchDevice(ort: OrtModule): Promise<GPUDevice> {
    const device: GPUDevice = await ort.env.webgpu.device;
    void device.lost.then(({ reason, message }) => {
      this.#resolveLost(`the GPU device was lost (${message || reason})`);
    });
    return device;
  }

  #create(request: PrepareRequest): Promise<InferenceSession> {
    return this.#opened().InferenceSession.create(request.model, {
      executionProviders: [this.#backend],
      graphOptimizationLevel: request.level,
      executionMode: 'sequential',
      logSeverityLevel: 3,
      externalData: [...request.weights],
    });
  }

  /**
   * One run on zeros, so that shaders are compiled before the session counts as ready. Integer inputs may be divisors, indices
   * or shapes that zeros are wrong for: such a segment may fail here, stays cold, and will say so on real data.
   */
  async #warm(live: LiveSession, { inputs }: PrepareRequest): Promise<void> {
    const zeros = inputs.map(({ name, type, shape }) => {
      return [name, { type, shape, bytes: new Uint8Array(byteLength(type, shape)) }] as const;
    });
    const mayFail = inputs.some(({ type }) => type === 'int32' || type === 'int64');
    try {
      await this.#runSession(live, Object.fromEntries(zeros));
    } catch (error) {
      if (mayFail && !(error instanceof WebAssembly.RuntimeError)) return;
      throw error;
    }
  }

  async #runSession({ session, outputNames }: LiveSession, inputs: TensorMap): Promise<TensorMap> {
    const { Tensor } = this.#opened();
    const feeds: Record<string, OrtTensor> = {};
    for (const [name, tensor] of Object.entries(inputs)) feeds[name] = toOrtTensor(Tensor, tensor);
    const results = await session.run(feeds);
    const outputs = outputNames.map((name) => {
      const result = results[name];
      if (result === undefined) throw new Error(`the model has no output '${name}'`);
      return [name, fromOrtTensor(name, result as OrtTensor)] as const;
    });
    return Object.fromEntries(outputs);
  }

  /** A trap or an abort leaves the wasm instance unusable, so it counts as a loss of the backend, not as a failed run. */
  async #noticingAborts<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) this.#resolveLost(`the runtime aborted (${error.message})`);
      throw error;
    }
  }
}

/** Resolves when the lock is held; it stays so until this worker ends, however it ends. Insecure pages have no locks. */
function holdLock(name: string): Promise<void> {
  if (navigator.locks === undefined) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const held = (): Promise<never> => {
      resolve();
      return new Promise(() => undefined);
    };
    navigator.locks.request(name, held).catch(reject);
  });
}

function adapterInfoOf(info: GPUAdapterInfo): AdapterInfo {
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    isFallback: info.isFallbackAdapter,
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
