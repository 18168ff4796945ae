import { availableParallelism, cpus } from 'node:os';
import type { StoredProfile } from '@d3/profile';
import { calibrate } from '@d3/runtime';
import { createNodeBackend } from '@d3/runtime/node';

/** This machine's profile, and what else is of interest. */
export interface MachineProfile {
  /** What a profile file holds. */
  readonly stored: StoredProfile;
  /** Cores that worker threads could use. */
  readonly cores: number;
}

/** Time that a plan on the spot waits for; a profile that is kept takes its time. */
const BUDGET_MS = { quick: 1200, full: 4000 } as const;

/**
 * Measures one worker thread of this machine.
 *
 * @throws D3Error `RUNTIME_UNAVAILABLE`
 */
export async function measureMachine(
  extent: 'quick' | 'full',
  onProgress?: (fraction: number) => void,
): Promise<MachineProfile> {
  const backend = await createNodeBackend();
  try {
    const options = { budgetMs: BUDGET_MS[extent], ...(onProgress && { onProgress }) };
    const { gflops, fixedMs, handoffMs, terms } = await calibrate(backend, options);
    const { name, concurrency, numericClass } = backend;
    const hardware = `${cpus()[0]?.model ?? 'unknown'} ×${cpus().length}`;
    const key = { hardware, backend: name, runtime: numericClass };
    const stored = { key, measuredAtMs: Date.now(), concurrency, gflops, fixedMs, handoffMs, terms };
    return { stored, cores: availableParallelism() };
  } finally {
    await backend.dispose();
  }
}
