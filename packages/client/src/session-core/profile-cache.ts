import type { TierProfile } from '@d3/profile';
import type { BackendName } from '@d3/runtime';
import type { Host } from './host.ts';
import { sha256Hex } from './read-body.ts';

/** Profiles age: drivers and browsers change under the same name. */
const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/** The unslowed profile of a backend that an earlier visit measured on this machine, if it is fresh and sound. */
export async function readCachedProfile(host: Host, name: BackendName): Promise<TierProfile | undefined> {
  const bytes = await host.cache.get(await keyOf(host, name));
  if (bytes === undefined) return undefined;
  try {
    return parseEntry(JSON.parse(new TextDecoder().decode(bytes)), name);
  } catch {
    return undefined; // no JSON: as good as none
  }
}

/** Keeps the unslowed profile of a backend. */
export async function writeCachedProfile(host: Host, name: BackendName, profile: TierProfile): Promise<void> {
  const text = JSON.stringify({ measuredAtMs: Date.now(), profile });
  await host.cache.put(await keyOf(host, name), new TextEncoder().encode(text));
}

async function keyOf(host: Host, name: BackendName): Promise<string> {
  const text = new TextEncoder().encode(`${host.machine} ${name}`);
  return `profile-1-${await sha256Hex(text)}`;
}

function parseEntry(entry: unknown, name: BackendName): TierProfile | undefined {
  const { measuredAtMs, profile } = (entry ?? {}) as { measuredAtMs?: unknown; profile?: Partial<TierProfile> };
  if (typeof measuredAtMs !== 'number' || !(Math.abs(Date.now() - measuredAtMs) < MAX_AGE_MS)) return undefined;
  const { gflops, fixedMs, concurrency } = profile ?? {};
  if (!isPositive(gflops) || !isPositive(concurrency) || typeof fixedMs !== 'number' || !(fixedMs >= 0))
    return undefined;
  return { tier: 'device', backend: name, gflops, fixedMs, concurrency, slowdown: 1 };
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value);
}
