import { availableParallelism } from 'node:os';
import type { TierProfile } from '@d3/profile';
import { calibrate } from '@d3/runtime';
import { createNodeBackend } from '@d3/runtime/node';

/** This machine's speed, as far as a plan needs it. */
export interface MachineProfile extends Omit<TierProfile, 'tier' | 'slowdown'> {
  /** Cores that worker threads could use. */
  readonly cores: number;
  /** Equal on two machines when their bits agree. */
  readonly numericClass: string;
}

/**
 * Measures one worker thread of this machine; takes about a second.
 *
 * @throws D3Error `RUNTIME_UNAVAILABLE`
 */
export async function measureMachine(): Promise<MachineProfile> {
  const backend = await createNodeBackend();
  try {
    const { gflops, fixedMs } = await calibrate(backend);
    const { name, concurrency, numericClass } = backend;
    return { backend: name, gflops, fixedMs, concurrency, cores: availableParallelism(), numericClass };
  } finally {
    await backend.dispose();
  }
}
