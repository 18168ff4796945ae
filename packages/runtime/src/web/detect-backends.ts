import type { WebBackendName } from './compute-api.ts';

/** Whether a backend may be tried here. */
export interface DetectedBackend {
  readonly name: WebBackendName;
  readonly available: boolean;
  /** Why not. */
  readonly reason?: string;
}

/** `i32x4.dot_i16x8_s`: an instruction of the SIMD set that the runtime is compiled to. */
const SIMD_MODULE = Uint8Array.of(
  0,
  97,
  115,
  109,
  1,
  0,
  0,
  0,
  1,
  4,
  1,
  96,
  0,
  0,
  3,
  2,
  1,
  0,
  10,
  30,
  1,
  28,
  0,
  65,
  0,
  253,
  15,
  253,
  12,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  253,
  186,
  1,
  26,
  11,
);

/**
 * What this browser offers, in a page or a worker, `webgpu` before `wasm`. Loads nothing. Which one is faster must be
 * measured, and only `createWebBackend` tells whether it starts: a Content-Security-Policy may forbid it.
 */
export async function detectBackends(): Promise<readonly DetectedBackend[]> {
  return [await detectWebGpu(), detectWasm()];
}

/** Why WebGPU is not to be had; undefined if it is. */
export async function whyNoWebGpu(): Promise<string | undefined> {
  if (navigator.gpu === undefined) {
    return globalThis.isSecureContext ? 'this browser has no navigator.gpu' : 'the page is not a secure context';
  }
  return (await navigator.gpu.requestAdapter()) === null ? 'the browser offers no GPU adapter' : undefined;
}

async function detectWebGpu(): Promise<DetectedBackend> {
  const reason = await whyNoWebGpu();
  return reason === undefined ? { name: 'webgpu', available: true } : { name: 'webgpu', available: false, reason };
}

function detectWasm(): DetectedBackend {
  if (WebAssembly.validate(SIMD_MODULE)) return { name: 'wasm', available: true };
  return { name: 'wasm', available: false, reason: 'this browser has no WebAssembly SIMD' };
}
