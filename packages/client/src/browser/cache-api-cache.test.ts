import { afterEach, describe, expect, it, vi } from 'vitest';
import { CacheApiCache } from './cache-api-cache.ts';

const bytes = new Uint8Array([1, 2, 3]);

/** The Cache API as far as it is used, over a map; `put` may be made to fail. */
function stubCaches(put?: () => Promise<void>): Map<string, Response> {
  const entries = new Map<string, Response>();
  const cache = {
    match: (url: string) => Promise.resolve(entries.get(url)?.clone()),
    put: put ?? ((url: string, response: Response) => Promise.resolve(void entries.set(url, response))),
    delete: (url: string) => Promise.resolve(entries.delete(url)),
  };
  vi.stubGlobal('caches', { open: () => Promise.resolve(cache) });
  return entries;
}

describe('CacheApiCache', () => {
  afterEach(() => void vi.unstubAllGlobals());

  it('keeps blobs for the next visit', async () => {
    const entries = stubCaches();
    await new CacheApiCache().put('key', bytes);
    expect(entries.size).toBe(1);
    expect(await new CacheApiCache().get('key')).toEqual(bytes);
    expect(await new CacheApiCache().has('key')).toBe(true);
    expect(await new CacheApiCache().has('other')).toBe(false);
    await new CacheApiCache().delete('key');
    expect(await new CacheApiCache().get('key')).toBeUndefined();
  });

  it('keeps in memory what the quota refuses', async () => {
    stubCaches(() => Promise.reject(new DOMException('full', 'QuotaExceededError')));
    const cache = new CacheApiCache();
    await cache.put('key', bytes);
    expect(await cache.get('key')).toEqual(bytes);
    expect(await new CacheApiCache().get('key')).toBeUndefined();
  });

  it.each([
    ['there is no Cache API', undefined],
    ['storage is denied', { open: () => Promise.reject(new DOMException('denied', 'SecurityError')) }],
  ])('keeps all in memory where %s', async (_, caches) => {
    vi.stubGlobal('caches', caches);
    const cache = new CacheApiCache();
    await cache.put('key', bytes);
    expect(await cache.get('key')).toEqual(bytes);
    await cache.delete('key');
    expect(await cache.get('key')).toBeUndefined();
  });
});
