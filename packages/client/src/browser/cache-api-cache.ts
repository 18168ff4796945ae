import type { BlobCache } from '../session-core/host.ts';
import { MemoryCache } from '../session-core/memory-cache.ts';

/** A host that never resolves: entries are reached through the cache only. */
const PREFIX = 'https://blobs.d3.invalid/';
const CACHE_NAME = 'd3-blobs-1';

/**
 * Blobs in the browser's Cache API. What the quota refuses, and everything where there is no Cache API (plain http), stays in
 * memory for the life of the worker.
 */
export class CacheApiCache implements BlobCache {
  readonly #memory = new MemoryCache();
  readonly #cache: Promise<Cache | undefined> = openCache();

  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const inMemory = await this.#memory.get(key);
    if (inMemory !== undefined) return inMemory;
    try {
      const response = await (await this.#cache)?.match(PREFIX + key);
      return response && new Uint8Array(await response.arrayBuffer());
    } catch {
      return undefined; // an unreadable entry is a missing one
    }
  }

  async has(key: string): Promise<boolean> {
    if (await this.#memory.has(key)) return true;
    try {
      return (await (await this.#cache)?.match(PREFIX + key)) !== undefined;
    } catch {
      return false; // as get() has it
    }
  }

  async put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      const cache = await this.#cache;
      if (cache === undefined) return await this.#memory.put(key, bytes);
      await cache.put(PREFIX + key, new Response(bytes));
    } catch {
      await this.#memory.put(key, bytes); // QuotaExceededError, or storage denied
    }
  }

  async delete(key: string): Promise<void> {
    await this.#memory.delete(key);
    try {
      await (await this.#cache)?.delete(PREFIX + key);
    } catch {
      // What cannot be deleted fails its hash check again.
    }
  }
}

async function openCache(): Promise<Cache | undefined> {
  try {
    return await globalThis.caches?.open(CACHE_NAME);
  } catch {
    return undefined; // storage is denied to this page
  }
}
