/**
 * What layers of one kind cost: a linear model of which no term is negative,
 * ms = constantMs + flops · msPerFlop + inputBytes · msPerInputByte + outputBytes · msPerOutputByte + weightBytes · msPerWeightByte.
 */
export interface KindTerms {
  readonly constantMs: number;
  readonly msPerFlop: number;
  readonly msPerInputByte: number;
  readonly msPerOutputByte: number;
  readonly msPerWeightByte: number;
}

/** What keeps a tier from its idle speed just now. */
export interface TierLoad {
  /** Factor on compute times: what segments take over what the profile says. */
  readonly scale: number;
  /** Expected wait for a free worker. */
  readonly queueMs: number;
}

/**
 * What is known of one tier's speed. Plain JSON: it crosses sockets in hello and welcome. Every time and rate in it has the tier's
 * `slowdown` in it already, terms included; see `slowProfile`.
 */
export interface TierProfile {
  readonly tier: string;
  /** Backend that was measured, e.g. `cpu`, `wasm`, `webgpu`. */
  readonly backend: string;
  /** Headline rate: 10^6 floating-point operations per millisecond (= GFLOP/s). Prices layers that `terms` does not cover. */
  readonly gflops: number;
  /** Cost of one more segment per request: dispatch, read-back. */
  readonly fixedMs: number;
  /** The part of `fixedMs` that lies outside the backend (changes of thread): neither slowdown nor load changes it. Absent: 0. */
  readonly handoffMs?: number;
  /** Requests worked on at once. */
  readonly concurrency: number;
  /** Factor ≥ 1 by which the tier is slowed on purpose; above 1 its times are emulated. */
  readonly slowdown: number;
  /** By kind of layer, as `costKind` names them; at most 64. Absent: FLOPs over `gflops`. */
  readonly terms?: Readonly<Record<string, KindTerms>>;
  /** Present load; absent: idle. */
  readonly load?: TierLoad;
}

/** What is known of one hop. Plain JSON. */
export interface LinkEstimate {
  readonly upBytesPerMs: number;
  readonly downBytesPerMs: number;
  /** One way: half of the smallest round trip seen. */
  readonly delayMs: number;
}
