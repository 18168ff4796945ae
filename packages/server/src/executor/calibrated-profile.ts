import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import { join } from 'node:path';
import type { TierProfile } from '@d3/profile';
import { type Backend, type Calibration, calibrate } from '@d3/runtime';

/**
 * The profile of this machine's backend: measured once and kept in `cache`, under a key made of machine, runtime, worker
 * count and slowdown. A file that cannot be read or does not say a rate is measured and written again.
 */
export async function calibratedProfile(tier: string, backend: Backend, cache: string): Promise<TierProfile> {
  const file = join(cache, `calibration-${machineKey(backend)}.json`);
  const { gflops, fixedMs } = (await readCalibration(file)) ?? (await measure(backend, file));
  const { name, concurrency, slowdown } = backend;
  return { tier, backend: name, gflops, fixedMs, concurrency, slowdown };
}

async function measure(backend: Backend, file: string): Promise<Calibration> {
  const { gflops, fixedMs } = await calibrate(backend);
  const scratch = `${file}.${randomUUID()}`;
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(scratch, `${JSON.stringify({ format: 1, gflops, fixedMs })}\n`);
  await rename(scratch, file);
  return { gflops, fixedMs };
}

async function readCalibration(file: string): Promise<Calibration | undefined> {
  try {
    const { format, gflops, fixedMs } = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const usable = format === 1 && isRate(gflops) && gflops > 0 && isRate(fixedMs);
    return usable ? { gflops, fixedMs } : undefined;
  } catch {
    return undefined;
  }
}

function isRate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** The numeric class stands for backend, instruction set and runtime version. */
function machineKey(backend: Backend): string {
  const facts = [
    cpus()[0]?.model ?? '',
    availableParallelism(),
    platform(),
    arch(),
    backend.numericClass,
    backend.concurrency,
    backend.slowdown,
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 24);
}
