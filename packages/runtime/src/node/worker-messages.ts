import type { InferredValue, OptimizationLevel } from '@d3/onnx';
import type { Tensor, TensorMap } from '@d3/tensor';

/** A value's name, type and shape, where they must be known before there is data. */
export interface ValueSpec {
  readonly name: string;
  readonly type: Tensor['type'];
  readonly shape: readonly number[];
}

/** Everything a worker needs to build one session. */
export interface SessionPlan {
  readonly model: Uint8Array<ArrayBuffer>;
  readonly level: OptimizationLevel;
  readonly intraOpThreads: number;
  /** Run it once on zeros before it counts as ready. */
  readonly warm: boolean;
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  /** Either a folder whose files are mapped, or blobs by external-data path. */
  readonly weights:
    | { readonly kind: 'folder'; readonly path: string }
    | { readonly kind: 'blobs'; readonly blobs: readonly (readonly [path: string, data: Uint8Array<ArrayBuffer>])[] };
}

/** What the main thread asks a worker: `{request: [question, answer]}`. A worker answers one before it takes the next. */
export interface WorkerMap {
  /** Loads the runtime and names its version. */
  start: [Record<string, never>, { readonly version: string }];
  /** Builds a session under a key, and warms it if its plan says so. */
  create: [{ readonly session: number; readonly plan: SessionPlan }, Record<string, never>];
  /** Runs a session; the inputs' buffers are transferred and come back as `spent`, to be filled again. */
  run: [
    { readonly session: number; readonly inputs: TensorMap; readonly slowdown: number },
    { readonly outputs: TensorMap; readonly computeMs: number; readonly spent: TensorMap },
  ];
  release: [{ readonly session: number }, Record<string, never>];
  /** Types and shapes of a model's outputs, without running it. */
  shapes: [{ readonly model: Uint8Array<ArrayBuffer> }, { readonly values: readonly InferredValue[] }];
}

/** A question as it is posted. */
export type WorkerRequest = {
  [K in keyof WorkerMap]: { readonly kind: K; readonly body: WorkerMap[K][0] };
}[keyof WorkerMap];

/** A worker's answer to its latest question. */
export type WorkerReply<K extends keyof WorkerMap = keyof WorkerMap> =
  | { readonly ok: true; readonly value: WorkerMap[K][1] }
  | { readonly ok: false; readonly reason: string };
