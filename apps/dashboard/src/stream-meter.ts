import type { InferInput, Session } from '@d3/client';

/** How long a measurement runs, and how many requests it keeps in flight. */
export interface StreamOptions {
  readonly durationMs: number;
  readonly inFlight: number;
  readonly signal: AbortSignal;
}

/** A measured stream. */
export interface StreamRate {
  readonly results: number;
  readonly elapsedMs: number;
  readonly perSecond: number;
}

/**
 * Keeps `inFlight` requests with the same input under way for `durationMs` and counts the answers.
 *
 * @throws whatever the first failing request throws; the others are aborted
 */
export async function measureStream(session: Session, input: InferInput, options: StreamOptions): Promise<StreamRate> {
  const started = performance.now();
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  let results = 0;
  const lane = async () => {
    while (performance.now() - started < options.durationMs) {
      await session.infer(input, { signal });
      results++;
    }
  };
  try {
    await Promise.all(Array.from({ length: options.inFlight }, lane));
  } finally {
    abort.abort();
  }
  const elapsedMs = performance.now() - started;
  return { results, elapsedMs, perSecond: (results / elapsedMs) * 1000 };
}
