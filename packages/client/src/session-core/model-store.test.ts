import type { ManifestWeight } from '@d3/onnx';
import { describe, expect, it } from 'vitest';
import type { Host } from './host.ts';
import { MemoryCache } from './memory-cache.ts';
import { ModelStore } from './model-store.ts';
import { sha256Hex } from './read-body.ts';

const folder = 'http://edge.test/d3/models/toy/';
const blob = (text: string) => new TextEncoder().encode(text);

/** A host that serves `files` by URL and notes what was asked. */
function hostOf(files: Record<string, Uint8Array<ArrayBuffer>[]>) {
  const asked: string[] = [];
  const cache = new MemoryCache();
  const fetch: Host['fetch'] = (url) => {
    asked.push(url);
    const answers = files[url];
    const bytes = answers?.length === 1 ? answers[0] : answers?.shift();
    return Promise.resolve(bytes === undefined ? new Response('no', { status: 404 }) : new Response(bytes));
  };
  return { asked, cache, store: new ModelStore({ cache, fetch } as unknown as Host, { model: 'toy', folder }) };
}

async function weightOf(bytes: Uint8Array<ArrayBuffer>): Promise<ManifestWeight> {
  const id = await sha256Hex(bytes);
  return { name: `w-${id.slice(0, 4)}`, id, bytes: bytes.byteLength, type: 'float32', shape: [1] };
}

describe('ModelStore', () => {
  it('readWeights() fetches each blob once, counts its bytes, and the next time takes all from the cache', async () => {
    const [a, b] = [await weightOf(blob('aaaa')), await weightOf(blob('bb'))];
    const { store, asked } = hostOf({
      [`${folder}weights/${a.id}`]: [blob('aaaa')],
      [`${folder}weights/${b.id}`]: [blob('bb')],
    });
    const counted: [number, boolean][] = [];
    const count = (bytes: number, cached: boolean) => counted.push([bytes, cached]);
    const blobs = await store.readWeights([a, b, { ...a, name: 'again' }], { count });
    expect([...blobs.keys()].sort()).toEqual([a.id, b.id].sort());
    expect(asked).toHaveLength(2);
    expect(counted.sort()).toEqual([
      [2, false],
      [4, false],
    ]);
    counted.length = 0;
    await store.readWeights([a, b], { count });
    expect(asked).toHaveLength(2);
    expect(counted.sort()).toEqual([
      [2, true],
      [4, true],
    ]);
  });

  it('lookFor() finds out what the cache has, without a download', async () => {
    const [a, b] = [await weightOf(blob('aaaa')), await weightOf(blob('bb'))];
    const { store, asked, cache } = hostOf({});
    await cache.put(a.id, blob('aaaa'));
    expect(store.holds(a.id)).toBe(false);
    await store.lookFor([a.id, b.id]);
    expect([store.holds(a.id), store.holds(b.id)]).toEqual([true, false]);
    expect(asked).toEqual([]);
  });

  it('readWeights() fetches a poisoned cache entry again', async () => {
    const a = await weightOf(blob('aaaa'));
    const { store, asked, cache } = hostOf({ [`${folder}weights/${a.id}`]: [blob('aaaa')] });
    await cache.put(a.id, blob('evil'));
    const blobs = await store.readWeights([a]);
    expect(new TextDecoder().decode(blobs.get(a.id))).toBe('aaaa');
    expect(asked).toHaveLength(1);
    expect(await cache.get(a.id)).toEqual(blob('aaaa'));
  });

  it('readWeights() tries once more after a wrong hash, takes its bytes back, and then names the weight', async () => {
    const a = await weightOf(blob('aaaa'));
    const url = `${folder}weights/${a.id}`;
    let counted = 0;
    const count = (bytes: number) => {
      counted += bytes;
    };
    await hostOf({ [url]: [blob('evil'), blob('aaaa')] }).store.readWeights([a], { count });
    expect(counted).toBe(4);
    const failing = hostOf({ [url]: [blob('evil')] });
    await expect(failing.store.readWeights([a])).rejects.toMatchObject({ code: 'CLIENT_MODEL_CORRUPT' });
    expect(failing.asked).toHaveLength(2);
    expect(await failing.cache.get(a.id)).toBeUndefined();
  });

  it('readWeights() stops reading a blob that is longer than its manifest says', async () => {
    const a = { ...(await weightOf(blob('aaaa'))), bytes: 3 };
    const { store } = hostOf({ [`${folder}weights/${a.id}`]: [blob('aaaa')] });
    await expect(store.readWeights([a])).rejects.toThrow('it is longer than 3 bytes');
  });

  it('read() says what the server says of its refusal', async () => {
    const refused = { name: 'D3Error', code: 'SERVER_TOKEN_REFUSED', message: 'The edge refused the token' };
    const host = { fetch: async () => new Response(JSON.stringify({ error: refused }), { status: 401 }) };
    const store = new ModelStore(host as unknown as Host, { model: 'toy', folder });
    await expect(store.read({ name: 'manifest.json', maxBytes: 10 })).rejects.toMatchObject({
      code: 'CLIENT_MODEL_UNREADABLE',
      message: expect.stringContaining('the server answered 401: The edge refused the token'),
    });
  });

  it('read() tells a missing file from an unreadable one', async () => {
    const { store } = hostOf({});
    expect(await store.read({ name: 'model.d3.json', maxBytes: 10 })).toBeUndefined();
    const broken = { cache: new MemoryCache(), fetch: () => Promise.reject(new TypeError('no route')) };
    const unreachable = new ModelStore(broken as unknown as Host, { model: 'toy', folder });
    await expect(unreachable.read({ name: 'manifest.json', maxBytes: 10 })).rejects.toMatchObject({
      code: 'CLIENT_MODEL_UNREADABLE',
      message: expect.stringContaining('no route'),
    });
  });
});
