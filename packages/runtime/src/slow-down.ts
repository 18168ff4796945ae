/** Waits about `ms`; the caller keeps its slot meanwhile. */
export type Wait = (ms: number) => void | Promise<void>;

/**
 * Makes a run that took `computeMs` really take `slowdown` times as long, by waiting the difference.
 *
 * @returns the time with the wait in it, as measured
 */
export async function slowDown(computeMs: number, slowdown: number, wait: Wait): Promise<number> {
  if (slowdown <= 1) return computeMs;
  const startedMs = performance.now();
  await wait(computeMs * (slowdown - 1));
  return computeMs + (performance.now() - startedMs);
}
