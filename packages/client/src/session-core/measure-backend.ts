import type { ProfileKey, StoredProfile } from '@d3/profile';
import { type Backend, calibrate } from '@d3/runtime';

/** What a first visit waits for, for each backend; the telling segments come first. */
const BUDGET_MS = 1500;

/** How {@link measureBackend} measures. */
export interface MeasureOptions {
  readonly hardware: string;
  /** Called with the share that is done. */
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * The speed of a backend on this device.
 *
 * @param backend - unslowed
 */
export async function measureBackend(backend: Backend, options: MeasureOptions): Promise<StoredProfile> {
  const { hardware, ...how } = options;
  const { gflops, fixedMs, handoffMs, terms } = await calibrate(backend, { budgetMs: BUDGET_MS, ...how });
  const { name, numericClass, concurrency } = backend;
  const key: ProfileKey = { hardware, backend: name, runtime: numericClass };
  return { key, measuredAtMs: Date.now(), concurrency, gflops, fixedMs, handoffMs, terms };
}
