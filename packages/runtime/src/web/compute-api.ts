import type { InferredValue, ManifestTensor, OptimizationLevel } from '@d3/onnx';
import type { TensorMap } from '@d3/tensor';
import type { Outcome } from './worker-calls.ts';

/** Backends of a browser. */
export type WebBackendName = 'webgpu' | 'wasm';

/** Which GPU runs the segments; strings are empty where the browser does not tell. */
export interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** Whether the browser computes on the CPU instead, e.g. SwiftShader. */
  readonly isFallback: boolean;
}

/** What the compute worker is to become; once in its life. */
export interface OpenRequest {
  readonly backend: WebBackendName;
  /** Absolute URL of the folder with the runtime's files, ending in `/`. */
  readonly assets: string;
  /** Threads that were asked for. */
  readonly threads: number | undefined;
  /** Name of a Web Lock that the worker holds for as long as it lives. */
  readonly aliveLock: string;
}

/** What the compute worker became. */
export interface Opened {
  /** Of onnxruntime-web. */
  readonly version: string;
  /** Threads that wasm computes on. */
  readonly threads: number;
  readonly adapter: AdapterInfo | undefined;
}

/** A segment to build a session of. */
export interface PrepareRequest {
  readonly id: string;
  readonly model: Uint8Array<ArrayBuffer>;
  readonly level: OptimizationLevel;
  readonly warm: boolean;
  readonly inputs: readonly Pick<ManifestTensor, 'name' | 'type' | 'shape'>[];
  readonly weights: readonly { readonly path: string; readonly data: Uint8Array<ArrayBuffer> }[];
}

/** One run of a prepared session. */
export interface RunRequest {
  /** From {@link ComputeApi.prepare}. */
  readonly session: number;
  readonly inputs: TensorMap;
  readonly slowdown: number;
}

/** Outputs by name, and the time it took, slowdown included. */
export interface RunReply {
  readonly outputs: TensorMap;
  readonly computeMs: number;
}

/**
 * What the compute worker answers to. It does one thing at a time and trusts its caller to ask so: two runs at once fail on
 * a GPU. Buffers are transferred both ways.
 */
export interface ComputeApi {
  /** Answers as soon as the script runs. */
  ping(): Promise<Outcome<true>>;
  /** Loads the runtime, starts its backend and creates the GPU device. */
  open(request: OpenRequest): Promise<Outcome<Opened>>;
  /** Creates a session and, to warm it, runs it once on zeros. */
  prepare(request: PrepareRequest): Promise<Outcome<number>>;
  run(request: RunRequest): Promise<Outcome<RunReply>>;
  release(session: number): Promise<Outcome<void>>;
  inferShapes(model: Uint8Array<ArrayBuffer>): Promise<Outcome<readonly InferredValue[]>>;
  /** Answers when the GPU device is lost or the runtime aborted, with the reason. */
  lost(): Promise<Outcome<string>>;
  /** Destroys the GPU device. */
  loseDevice(): Promise<Outcome<void>>;
  /** Ends the worker, for callers that hold a port only. */
  close(): Promise<Outcome<void>>;
}
