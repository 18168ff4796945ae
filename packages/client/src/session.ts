import type { Manifest } from '@d3/onnx';
import type { Constraints, Objective, PlanReport } from '@d3/partition';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import type { HopTiming, SegmentTiming } from '@d3/protocol';
import type { Answer, BackendName, Picture, Sidecar, Strokes } from '@d3/runtime';
import type { TensorMap } from '@d3/tensor';

/** How to connect. */
export interface ConnectOptions {
  /** Name or hash of a model at the edge; or the URL of a packed model's folder, for a device alone. */
  readonly model: string;
  /** `ws://` or `wss://` address of the edge's link, e.g. `ws://127.0.0.1:7001/d3/link`; absent: the device alone. */
  readonly edge?: string;
  readonly token?: string;
  /** Default `latency`. */
  readonly objective?: Objective;
  readonly constraints?: Constraints;
  /** Backends that may be used on the device; default all that work here, fastest first by measurement. */
  readonly backends?: readonly BackendName[];
  /** Factor ≥ 1 by which the device really is slowed; its times are then marked emulated. Default 1. */
  readonly slowdown?: number;
  /**
   * Browser only: URL of the folder with onnxruntime-web's glue and wasm files. Default `/ort/` of the page's origin, where the
   * Vite plugin of `@d3/runtime/vite` puts them.
   */
  readonly assets?: string;
  /** Node only: folder that keeps weights and measured profiles between runs. Default: memory. */
  readonly cache?: string;
  readonly signal?: AbortSignal;
  /** Called with the state of everything that takes time before the session is ready. */
  readonly onProgress?: (progress: Progress) => void;
}

/** One aggregate bar. */
export interface Progress {
  readonly phase: 'connect' | 'calibrate' | 'plan' | 'weights' | 'warm-up' | 'ready';
  /** 0 … 1 over all phases, never falling. */
  readonly fraction: number;
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** Of `loadedBytes`, from a cache. */
  readonly cachedBytes: number;
}

/** What a request is asked of. */
export type InferInput =
  | { readonly kind: 'tensors'; readonly tensors: TensorMap }
  /** RGBA pixels; becomes the model's input as its sidecar says. */
  | { readonly kind: 'picture'; readonly picture: Picture }
  /** A drawing; becomes the model's input as its sidecar says. */
  | { readonly kind: 'strokes'; readonly strokes: Strokes };

/** How one request is to be run. */
export interface InferOptions {
  readonly signal?: AbortSignal;
  /** Above 0 and at most 2 147 482 648 (24 days). Default 30 000. */
  readonly deadlineMs?: number;
  /** Also return the tensors that left the device, for display. Default false. */
  readonly inspect?: boolean;
}

/** A segment of a request, as it happened. */
export interface Placement extends SegmentTiming {
  readonly layerNames: readonly string[];
  readonly emulated: boolean;
}

/** An answer, and how it came about. */
export interface InferResult {
  readonly outputs: TensorMap;
  /** The outputs read by the sidecar: labels and scores, or a picture. One per output that the sidecar names. */
  readonly answers: readonly Answer[];
  readonly placement: readonly Placement[];
  readonly hops: readonly HopTiming[];
  /** From the call to the result, input preparation included. */
  readonly totalMs: number;
  readonly epoch: number;
  /** With `inspect`: what crossed the first hop, upwards, decoded. */
  readonly crossed?: TensorMap;
}

/** Things that happen to a session, by event name. */
export interface SessionEvents {
  /** A plan went live. */
  plan: { readonly epoch: number; readonly report: PlanReport; readonly reason: string };
  progress: Progress;
  /** A tier's load or a link changed. */
  status: { readonly profiles: readonly TierProfile[]; readonly links: readonly LinkEstimate[] };
  /** The device's backend was lost and replaced, or the edge was. */
  lost: { readonly what: 'backend' | 'edge'; readonly reason: string };
  closed: { readonly reason: string };
}

/** A live session: one model, one plan at a time. */
export interface Session {
  readonly manifest: Manifest;
  readonly sidecar: Sidecar | undefined;
  /** The live plan: every strategy's, the one chosen, and why. */
  readonly report: PlanReport;
  readonly epoch: number;
  /** Tiers of the plan, device first, with their measured speed. */
  readonly profiles: readonly TierProfile[];
  readonly links: readonly LinkEstimate[];
  /**
   * Runs the network once. Calls may overlap; each gets its own answer. A browser copies the input at the call; Node reads it
   * until the promise settles, so leave it alone until then. What the result holds is the caller's own.
   *
   * @throws D3Error as listed in docs/errors.md; the signal's reason when aborted
   */
  infer(input: InferInput, options?: InferOptions): Promise<InferResult>;
  /** Plans anew under another goal and switches to it before resolving; running requests finish on the old epoch. */
  replan(goal: { readonly objective?: Objective; readonly constraints?: Constraints }): Promise<PlanReport>;
  /** Listens; the returned function stops listening. */
  on<E extends keyof SessionEvents>(event: E, listener: (detail: SessionEvents[E]) => void): () => void;
  /** Ends workers, sockets and pending requests (`CLIENT_CLOSED`). */
  close(): Promise<void>;
}
