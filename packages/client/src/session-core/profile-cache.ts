import { encodeProfile, parseProfile, profileKey, type StoredProfile } from '@d3/profile';
import type { BackendName } from '@d3/runtime';
import type { Host } from './host.ts';
import { sha256Hex } from './read-body.ts';

/** Profiles age: drivers and browsers change under the same name. */
const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * The profile of a backend that an earlier visit measured on this machine. One that is stale, of another version, truncated or absurd
 * is as good as none: it is measured again. Of which runtime it was, its `key` says, and only the open backend can tell.
 */
export async function readCachedProfile(host: Host, name: BackendName): Promise<StoredProfile | undefined> {
  const bytes = await host.cache.get(await keyOf(host, name));
  if (bytes === undefined) return undefined;
  try {
    const stored = parseProfile(new TextDecoder().decode(bytes));
    const { hardware, backend } = stored.key;
    const fresh = Math.abs(Date.now() - stored.measuredAtMs) < MAX_AGE_MS;
    return fresh && hardware === host.machine && backend === name ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the profile of a backend. */
export async function writeCachedProfile(host: Host, name: BackendName, profile: StoredProfile): Promise<void> {
  await host.cache.put(await keyOf(host, name), new TextEncoder().encode(encodeProfile(profile)));
}

async function keyOf(host: Host, name: BackendName): Promise<string> {
  const key = profileKey({ hardware: host.machine, backend: name, runtime: 'any' });
  return `profile-${await sha256Hex(new TextEncoder().encode(key))}`;
}
