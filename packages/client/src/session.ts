import type { Manifest } from '@d3/onnx';
import type { Constraints, Objective, PlanReport } from '@d3/partition';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import type { HopTiming, SegmentTiming } from '@d3/protocol';
import type { Answer, BackendName, Picture, Sidecar, Strokes } from '@d3/runtime';
import type { TensorMap } from '@d3/tensor';
import type { Obstacle } from './adaptation/index.ts';

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
  /**
   * How requests go on while the edge is lost. `any` (default): on the device alone, or over a link straight to a tier behind the
   * edge that told its address, whichever is there first and better. `device`, `cloud`: only so. `fail`: not at all; they fail at
   * once with `CLIENT_EDGE_LOST`. In every case the edge is used again when it is back, and constraints hold.
   */
  readonly fallback?: Fallback;
  /**
   * Fetch, while nothing else runs, the weights that the device needs to go on alone. Default true; it never holds more than
   * `memoryBytes` of the constraints allow, or what a cautious guess of the device's memory does.
   */
  readonly standby?: boolean;
  /**
   * When `connect()` resolves. `any` (default): as soon as the tiers that are ready can answer; where the device lacks weights that its
   * share needs, it joins by a later switch. Layers that must stay on the device are waited for. `planned`: when the whole plan is ready.
   */
  readonly ready?: 'any' | 'planned';
  readonly signal?: AbortSignal;
  /** Called with the state of everything that takes time before the session is ready. */
  readonly onProgress?: (progress: Progress) => void;
}

/** Ways on while the edge is lost. */
export type Fallback = 'any' | 'device' | 'cloud' | 'fail';

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

/** How a stream of frames is to be run. */
export interface StreamOptions {
  /** Ends the stream; frames under way are aborted. */
  readonly signal?: AbortSignal;
  /** Of each frame, from when it was taken from the source; as in {@link InferOptions}. */
  readonly deadlineMs?: number;
  /** As in {@link InferOptions}, for each frame. */
  readonly inspect?: boolean;
  /**
   * Most frames that are under way or wait to be yielded, 1 to 64. Default: as many as keep every stage of the plan busy; a plan
   * that needs fewer gets fewer in any case.
   */
  readonly maxInFlight?: number;
  /**
   * `throughput` (default): the session plans for it while any such stream runs, and for latency again after the last. `keep`: leave
   * the plan's objective alone.
   */
  readonly objective?: 'throughput' | 'keep';
  /**
   * Browser only: the source yields memory that it uses again, so it is copied. Default false: a frame's memory is handed over to the
   * session's worker, and its arrays are empty afterwards.
   */
  readonly reuseInputs?: boolean;
}

/** What became of one frame of a stream. */
export type StreamedFrame =
  | { readonly index: number; readonly result: InferResult; readonly error?: undefined }
  /** This frame alone failed, with what `infer()` would have thrown. */
  | { readonly index: number; readonly result?: undefined; readonly error: unknown };

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

/** A plan that went live. */
export interface PlanEvent {
  readonly epoch: number;
  readonly report: PlanReport;
  /** In words. */
  readonly reason: string;
  /** Per request, in terms of the objective; absent where the switch was not made for its gain. */
  readonly predictedGainMs?: number;
  /** Weights that the switch fetched; absent where it was not made for its gain. */
  readonly bytes?: number;
}

/** A plan that is better in theory. */
export interface ConsideredEvent {
  /** Why it is not taken, in words, with numbers. */
  readonly reason: string;
  /** What stands against it; `failure`: it was tried. */
  readonly obstacle: Obstacle | 'failure';
  /** Tier index of each layer. */
  readonly tierOf: readonly number[];
  readonly predictedGainMs: number;
  /** Weights that the switch would fetch. */
  readonly bytes: number;
}

/** Things that happen to a session, by event name. */
export interface SessionEvents {
  /** A plan went live. */
  plan: PlanEvent;
  /** A better plan was found and the session stays where it is; said once per plan for each obstacle to going over to the same tiers. */
  considered: ConsideredEvent;
  progress: Progress;
  /** A tier's load or a link changed. */
  status: { readonly profiles: readonly TierProfile[]; readonly links: readonly LinkEstimate[] };
  /** The edge has a new version of the model and requests run on it from now on; `Session.manifest` and `sidecar` are its own. */
  model: { readonly manifest: Manifest; readonly sidecar: Sidecar | undefined };
  /** `backend`: the device's, which is replaced; else the name of the tier that went away. */
  lost: { readonly what: string; readonly reason: string };
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
  /**
   * Runs frames as a pipeline over the tiers and yields what became of each, in the order of the source, a failed one with its error.
   * No more is taken from the source than keeps the stages of the plan busy, and nothing while as many wait for the consumer: both
   * ends are slowed to the pace of the slowest. Leaving the loop, or the signal, aborts what is under way.
   *
   * @throws D3Error `CLIENT_OPTION_INVALID` at the call; while it runs what the source throws, the signal's reason, and
   * `CLIENT_CLOSED` when the session ends
   */
  stream(
    source: AsyncIterable<InferInput> | Iterable<InferInput>,
    options?: StreamOptions,
  ): AsyncGenerator<StreamedFrame, void, void>;
  /** Plans anew under another goal and switches to it before resolving; running requests finish on the old epoch. */
  replan(goal: { readonly objective?: Objective; readonly constraints?: Constraints }): Promise<PlanReport>;
  /** Listens; the returned function stops listening. */
  on<E extends keyof SessionEvents>(event: E, listener: (detail: SessionEvents[E]) => void): () => void;
  /** Ends workers, sockets and pending requests (`CLIENT_CLOSED`). */
  close(): Promise<void>;
}
