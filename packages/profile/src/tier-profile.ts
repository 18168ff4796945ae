/** What is known of one tier's speed. Plain JSON: it crosses sockets in hello and welcome. */
export interface TierProfile {
  readonly tier: string;
  /** Backend that was measured, e.g. `cpu`, `wasm`, `webgpu`. */
  readonly backend: string;
  /** Measured rate: 10^6 floating-point operations per millisecond (= GFLOP/s), slowdown included. */
  readonly gflops: number;
  /** Cost of one more segment per request: dispatch, read-back. Slowdown included. */
  readonly fixedMs: number;
  /** Requests worked on at once. */
  readonly concurrency: number;
  /** Factor ≥ 1 by which the tier is slowed on purpose; above 1 its times are emulated. */
  readonly slowdown: number;
}

/** What is known of one hop. Plain JSON. */
export interface LinkEstimate {
  readonly upBytesPerMs: number;
  readonly downBytesPerMs: number;
  /** One way: half of the smallest round trip seen. */
  readonly delayMs: number;
}
