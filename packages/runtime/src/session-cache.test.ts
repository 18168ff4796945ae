import { describe, expect, it } from 'vitest';
import type { Backend, SegmentSession, SegmentSpec } from './backend.ts';
import { SessionCache } from './session-cache.ts';

const spec = (id: string, bytes: number): SegmentSpec => ({
  id,
  model: { bytes: new Uint8Array(bytes), inputs: [], outputs: [], weights: [] },
  level: 'extended',
  weights: { kind: 'blobs', blobs: new Map() },
});

/** Prepares nothing, and tells what it was asked for. */
class Recorder implements Backend {
  readonly name = 'cpu';
  readonly concurrency = 1;
  readonly slowdown = 1;
  readonly numericClass = 'none';
  readonly lost: Promise<string>;
  readonly prepared: string[] = [];
  readonly disposed: string[] = [];
  lose: (reason: string) => void = () => undefined;
  fails = false;

  constructor() {
    this.lost = new Promise((resolve) => {
      this.lose = resolve;
    });
  }

  async prepare({ id }: SegmentSpec): Promise<SegmentSession> {
    this.prepared.push(id);
    if (this.fails) throw new Error(`cannot prepare ${id}`);
    return {
      backend: 'cpu',
      run: () => Promise.reject(new Error('runs nothing')),
      dispose: async () => void this.disposed.push(id),
    };
  }

  async dispose(): Promise<void> {}
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

function cacheOf(maxWeightBytes: number) {
  const backend = new Recorder();
  const cache = new SessionCache(backend, { maxWeightBytes });
  return { backend, cache, lend: (id: string, bytes: number) => cache.lend(id, () => spec(id, bytes)) };
}

describe('SessionCache', () => {
  it('shares one preparation among those who ask at once and later', async () => {
    const { backend, lend } = cacheOf(100);
    const [one, two] = await Promise.all([lend('a', 10), lend('a', 10)]);
    expect(one.session).toBe(two.session);
    one.release();
    two.release();
    expect((await lend('a', 10)).session).toBe(one.session);
    expect(backend.prepared).toEqual(['a']);
  });

  it('lets the least recently used go when there is too much', async () => {
    const { backend, cache, lend } = cacheOf(30);
    for (const id of ['a', 'b', 'c', 'a', 'd']) (await lend(id, 10)).release();
    await settle();
    expect(backend.disposed).toEqual(['b']);
    expect(cache.ids).toEqual(['c', 'a', 'd']);
    expect(cache.weightBytes).toBe(30);
  });

  it('keeps what is on loan, and lets it go when it is given back', async () => {
    const { backend, cache, lend } = cacheOf(15);
    const [a, b] = [await lend('a', 10), await lend('b', 10)];
    await settle();
    expect(backend.disposed).toEqual([]);
    expect(cache.weightBytes).toBe(20);
    b.release();
    b.release();
    await settle();
    expect(backend.disposed).toEqual(['b']);
    a.release();
    expect(cache.ids).toEqual(['a']);
  });

  it('forgets a preparation that failed', async () => {
    const { backend, cache, lend } = cacheOf(100);
    backend.fails = true;
    const failed = await Promise.allSettled([lend('a', 10), lend('a', 10)]);
    for (const result of failed) expect(result).toMatchObject({ reason: { message: 'cannot prepare a' } });
    expect(cache.ids).toEqual([]);
    backend.fails = false;
    expect(await lend('a', 10)).toHaveProperty('session');
    expect(backend.prepared).toEqual(['a', 'a']);
    const thrown = cache.lend('b', () => {
      throw new Error('no such layers');
    });
    await expect(thrown).rejects.toThrow('no such layers');
  });

  it('ends one caller’s wait by its signal, not the preparation', async () => {
    const { backend, cache, lend } = cacheOf(100);
    const stop = new AbortController();
    const given = cache.lend('a', () => spec('a', 10), { signal: stop.signal });
    const other = lend('a', 10);
    stop.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
    (await other).release();
    expect(backend.prepared).toEqual(['a']);
    expect(cache.ids).toEqual(['a']);
  });

  it('disposes everything when it is cleared', async () => {
    const { backend, cache, lend } = cacheOf(100);
    await lend('a', 10);
    (await lend('b', 10)).release();
    await cache.clear();
    expect(backend.disposed.sort()).toEqual(['a', 'b']);
    expect(cache.weightBytes).toBe(0);
  });

  it('holds nothing of a lost backend', async () => {
    const { backend, cache, lend } = cacheOf(100);
    await lend('a', 10);
    backend.lose('unplugged');
    await settle();
    expect(cache.ids).toEqual([]);
  });
});
