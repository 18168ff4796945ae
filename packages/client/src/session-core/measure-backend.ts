import type { TierProfile } from '@d3/profile';
import { type Backend, calibrate } from '@d3/runtime';

/** The speed of a backend on this device. */
export async function measureBackend(backend: Backend): Promise<TierProfile> {
  const { gflops, fixedMs } = await calibrate(backend);
  const { name, concurrency, slowdown } = backend;
  return { tier: 'device', backend: name, gflops, fixedMs, concurrency, slowdown };
}
