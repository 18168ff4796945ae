import type * as Ort from 'onnxruntime-web';
import { runtimeError } from '../errors.ts';
import type { OpenRequest, WebBackendName } from './compute-api.ts';
import { whyNoWebGpu } from './detect-backends.ts';

/** The runtime's module; all its builds have one interface. */
export type OrtModule = typeof Ort;

/** `y = Identity(x)` on one float, opset 13: creating its session starts the backend. */
const IDENTITY_MODEL =
  '08073a370a100a017812017922084964656e746974791201675a0f0a0178120a0a08080112040a020801620f0a0179120a0a08080112040a0208014202100d';

/** Threads beyond which wasm gains little, and a phone's slow cores hold the fast ones up: the default's bound. */
const MAX_THREADS = 4;

/**
 * Loads the build of onnxruntime-web that a backend needs and starts it.
 *
 * One build could serve both backends, but should not: the wasm kernels of the WebGPU builds are instrumented for suspension
 * and took 1.5 to 5 times as long on the models measured, and are larger. WebGPU prefers the JSPI build,
 * 10 MB smaller than the asyncify one, where the browser has JSPI.
 *
 * @throws D3Error `RUNTIME_WEBGPU_UNAVAILABLE`, `RUNTIME_ASSETS_NOT_FOUND`, `RUNTIME_SCRIPT_FORBIDDEN`, `RUNTIME_UNAVAILABLE`
 */
export async function loadOrt({ backend, assets, threads }: OpenRequest): Promise<OrtModule> {
  const reason = backend === 'webgpu' ? await whyNoWebGpu() : undefined;
  if (reason !== undefined) throw runtimeError('RUNTIME_WEBGPU_UNAVAILABLE', { reason });
  const variant = backend === 'wasm' ? '' : 'Suspending' in WebAssembly ? '.jspi' : '.asyncify';
  try {
    const ort = await importBuild(variant);
    ort.env.wasm.wasmPaths = assets;
    ort.env.wasm.numThreads = threadCount(threads);
    ort.env.logLevel = 'error';
    // Kept for as long as the worker lives: with its last session the runtime destroys the GPU device.
    await ort.InferenceSession.create(fromHex(IDENTITY_MODEL), { executionProviders: [backend] });
    return ort;
  } catch (error) {
    throw await explain(error, { backend, assets, variant });
  }
}

function importBuild(variant: string): Promise<OrtModule> {
  if (variant === '') return import('onnxruntime-web/wasm');
  return variant === '.jspi' ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu');
}

/** Without cross-origin isolation there is no shared memory, hence one thread. */
function threadCount(wanted: number | undefined): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return wanted ?? Math.min(MAX_THREADS, Math.ceil(navigator.hardwareConcurrency / 2));
}

/** The runtime's own errors for a missing file, a page of HTML in its place or a strict CSP say little: find out. */
async function explain(
  cause: unknown,
  { backend, assets, variant }: { backend: WebBackendName; assets: string; variant: string },
): Promise<Error> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if ((cause instanceof Error && cause.name === 'EvalError') || /unsafe-eval/.test(reason)) {
    return runtimeError('RUNTIME_SCRIPT_FORBIDDEN', { backend, reason }, { cause });
  }
  for (const extension of ['mjs', 'wasm']) {
    const url = `${assets}ort-wasm-simd-threaded${variant}.${extension}`;
    const found = await whatIsWrongAt(url, extension === 'wasm' ? /wasm|octet-stream/ : /javascript/);
    if (found !== undefined) return runtimeError('RUNTIME_ASSETS_NOT_FOUND', { assets, url, found }, { cause });
  }
  return runtimeError('RUNTIME_UNAVAILABLE', { backend, reason }, { cause });
}

async function whatIsWrongAt(url: string, expectedType: RegExp): Promise<string | undefined> {
  try {
    const response = await fetch(url, { method: 'HEAD' });
    if (!response.ok) return `answers with status ${response.status}`;
    const type = response.headers.get('Content-Type') ?? 'no type';
    return expectedType.test(type) ? undefined : `is served as ${type}`;
  } catch (error) {
    return `cannot be fetched (${error instanceof Error ? error.message : String(error)})`;
  }
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  );
}
