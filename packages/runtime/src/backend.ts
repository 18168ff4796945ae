import type { OptimizationLevel, SegmentModel } from '@d3/onnx';
import type { TensorMap } from '@d3/tensor';

/** Names of the execution providers that D3 knows. */
export type BackendName = 'cpu' | 'wasm' | 'webgpu';

/** How a backend gets the weights that a segment names. */
export type SegmentWeights =
  /** Blobs by external-data path; the backend copies what it needs and keeps no view. */
  | { readonly kind: 'blobs'; readonly blobs: ReadonlyMap<string, Uint8Array<ArrayBuffer>> }
  /** A folder that the segment's external-data paths are relative to; the backend maps the file into memory. */
  | { readonly kind: 'folder'; readonly path: string };

/** One segment to prepare. */
export interface SegmentSpec {
  /** Unique while it lives, e.g. `<model hash>/<layers hash>`; names the segment in errors and logs. */
  readonly id: string;
  readonly model: SegmentModel;
  readonly level: OptimizationLevel;
  readonly weights: SegmentWeights;
  /**
   * `false`: build only, without the warming run, for a session that is run once or whose making is timed. A backend that compiles
   * shaders may warm all the same.
   */
  readonly warm?: boolean;
}

/** One run's outputs and its own time. */
export interface SegmentRun {
  readonly outputs: TensorMap;
  /** In the backend, slowdown included. */
  readonly computeMs: number;
  /** Waited for a free slot. */
  readonly queueMs: number;
}

/**
 * A prepared segment.
 *
 * Guarantees: `run` may be called again before an earlier call ended (runs queue); each call gets its own outputs; a run that
 * fails rejects alone and leaves the session usable. The same inputs give the same bits on the same backend, machine and
 * version. It does not check input shapes: a caller parses those at its own boundary.
 */
export interface SegmentSession {
  readonly backend: BackendName;
  /**
   * Runs the segment. `inputs` are only read until the promise settles; outputs belong to the caller.
   *
   * @param options.signal - a run that has not begun is dropped with the signal's reason; one that has begun ends by itself
   * @throws D3Error `RUNTIME_RUN_FAILED`, `RUNTIME_LOST` (the backend is gone: prepare again elsewhere)
   */
  run(inputs: TensorMap, options?: { readonly signal?: AbortSignal }): Promise<SegmentRun>;
  /** Frees the session. Pending runs reject with `RUNTIME_DISPOSED`. Calling it again does nothing. */
  dispose(): Promise<void>;
}

/**
 * Runs segments on one device of one machine.
 *
 * It never blocks the thread that calls it. It does not split, schedule over tiers, cache sessions or download: see the
 * session cache and the client or server above it.
 */
export interface Backend {
  readonly name: BackendName;
  /** Runs at once. 1 on a GPU: one queue. */
  readonly concurrency: number;
  /** Factor ≥ 1 by which every run really takes longer, on purpose (it waits, holding its slot). */
  readonly slowdown: number;
  /** SHA-256 of a golden run: equal on two tiers when their bits agree. */
  readonly numericClass: string;
  /** Settles when the backend is lost (GPU gone, worker ended), with the reason; never rejects. */
  readonly lost: Promise<string>;
  /**
   * Builds and warms a session (one run on zeros, so that shaders are compiled before it counts as ready).
   *
   * @throws D3Error `RUNTIME_CREATE_FAILED` (unknown operator, out of memory, bad model), `RUNTIME_LOST`
   */
  prepare(spec: SegmentSpec, options?: { readonly signal?: AbortSignal }): Promise<SegmentSession>;
  /** Ends workers and frees everything. Pending calls reject with `RUNTIME_DISPOSED`. */
  dispose(): Promise<void>;
}
