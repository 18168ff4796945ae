import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { arch, cpus, platform } from 'node:os';
import { dirname, join } from 'node:path';
import {
  encodeProfile,
  type ProfileKey,
  parseProfile,
  profileKey,
  type StoredProfile,
  slowProfile,
  type TierProfile,
  tierProfile,
} from '@d3/profile';
import { type Backend, calibrate } from '@d3/runtime';
import { createNodeBackend } from '@d3/runtime/node';

/** A server that starts for the first time is not ready for so long. */
const BUDGET_MS = 2000;

/** Measurements of this process: its tiers share a machine, and measured at once they would only disturb each other. */
const measured = new Map<string, Promise<StoredProfile>>();

/**
 * The profile of this machine's backend: measured once, unslowed, and kept in `cache` as `profile-….json`, under a key of machine,
 * backend and runtime. A file of another version, a damaged one or one with absurd numbers is measured again and replaced.
 *
 * @param onRefused - called with why a file that is there is not believed
 */
export async function calibratedProfile(
  tier: string,
  backend: Backend,
  { cache, onRefused }: { readonly cache: string; readonly onRefused?: (reason: Error) => void },
): Promise<TierProfile> {
  const key = machineKey(backend);
  const file = join(cache, `profile-${hashOf(profileKey(key))}.json`);
  const stored = (await readProfile(file, key, onRefused)) ?? (await measureOnce(backend, key, file));
  return { ...slowProfile(tierProfile(tier, stored), backend.slowdown), concurrency: backend.concurrency };
}

function measureOnce(backend: Backend, key: ProfileKey, file: string): Promise<StoredProfile> {
  const name = profileKey(key);
  const known = measured.get(name) ?? measureUnslowed(backend, key);
  measured.set(name, known);
  known.catch(() => measured.delete(name));
  return known.then(async (stored) => {
    await writeProfile(file, stored);
    return stored;
  });
}

/** A slowed backend would take as much longer to measure, and say the same. */
async function measureUnslowed(backend: Backend, key: ProfileKey): Promise<StoredProfile> {
  if (backend.slowdown === 1) return await measure(backend, key);
  const unslowed = await createNodeBackend();
  try {
    return await measure(unslowed, key);
  } finally {
    await unslowed.dispose();
  }
}

async function measure(backend: Backend, key: ProfileKey): Promise<StoredProfile> {
  const { gflops, fixedMs, handoffMs, terms } = await calibrate(backend, { budgetMs: BUDGET_MS });
  return { key, measuredAtMs: Date.now(), concurrency: backend.concurrency, gflops, fixedMs, handoffMs, terms };
}

async function readProfile(
  file: string,
  key: ProfileKey,
  onRefused: ((reason: Error) => void) | undefined,
): Promise<StoredProfile | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return parseProfile(text, key);
  } catch (error) {
    onRefused?.(error as Error);
    return undefined;
  }
}

/** Whole or not at all: another server of this machine may read it meanwhile. */
async function writeProfile(file: string, stored: StoredProfile): Promise<void> {
  const scratch = `${file}.${randomUUID()}`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(scratch, encodeProfile(stored));
  await rename(scratch, file);
}

/** The numeric class stands for backend, instruction set and runtime version. */
function machineKey(backend: Backend): ProfileKey {
  const hardware = `${cpus()[0]?.model ?? 'unknown'} ×${cpus().length} ${platform()} ${arch()}`;
  return { hardware, backend: backend.name, runtime: backend.numericClass };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}
