import type { LayerCost, StoredProfile } from '@d3/profile';
import type { Backend, BackendName } from '@d3/runtime';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Device } from './device.ts';
import type { Host } from './host.ts';
import { MemoryCache } from './memory-cache.ts';
import { readCachedProfile, writeCachedProfile } from './profile-cache.ts';

/** WebGPU: fast but dear to call; wasm the reverse. */
const PROFILES = {
  webgpu: { gflops: 100, fixedMs: 20 },
  wasm: { gflops: 10, fixedMs: 1 },
} as const;
/** A network of one layer. */
const network = (flops: number): LayerCost[] => {
  return [{ kind: 'Conv/dense', flops, inputBytes: 0, outputBytes: 0, weightBytes: 0 }];
};
const [SMALL, LARGE] = [network(1e7), network(1e9)];
/** Numeric class of every backend here. */
const RUNTIME = 'ort 1';

interface FakeHost {
  readonly host: Host;
  readonly opened: { name: BackendName; slowdown: number; dispose: ReturnType<typeof vi.fn> }[];
  readonly broken: Set<BackendName>;
}

function fakeHost(): FakeHost {
  const opened: FakeHost['opened'] = [];
  const broken = new Set<BackendName>();
  const openBackend: Host['openBackend'] = ({ name, slowdown }) => {
    if (broken.has(name)) return Promise.reject(new Error('no adapter'));
    const backend = { name, slowdown, concurrency: 1, numericClass: RUNTIME, dispose: vi.fn(() => Promise.resolve()) };
    opened.push(backend);
    return Promise.resolve(backend as unknown as Backend);
  };
  const host = { machine: 'fake', backends: ['webgpu', 'wasm'], cache: new MemoryCache(), openBackend };
  return { host: host as unknown as Host, opened, broken };
}

const profileOf = (name: 'webgpu' | 'wasm'): StoredProfile => {
  const msPerFlop = 1 / (PROFILES[name].gflops * 1e6);
  const terms = { constantMs: 0, msPerFlop, msPerInputByte: 0, msPerOutputByte: 0, msPerWeightByte: 0 };
  return {
    key: { hardware: 'fake', backend: name, runtime: RUNTIME },
    measuredAtMs: Date.now(),
    concurrency: 1,
    ...PROFILES[name],
    handoffMs: 0,
    terms: { 'Conv/dense': terms },
  };
};

describe('Device', () => {
  let fake: FakeHost;
  beforeEach(async () => {
    fake = fakeHost();
    for (const name of ['webgpu', 'wasm'] as const) await writeCachedProfile(fake.host, name, profileOf(name));
  });

  it('use() opens the backend that is faster for the network at hand, and no other', async () => {
    const device = await Device.measure(fake.host, { slowdown: 1 });
    expect((await device.use(SMALL)).name).toBe('wasm');
    expect(fake.opened.map(({ name }) => name)).toEqual(['wasm']);
    expect((await device.use(LARGE)).name).toBe('webgpu');
    expect(device.profile).toMatchObject({ backend: 'webgpu', gflops: 100 });
  });

  it('use() goes on with the other backend after a loss, and with the same one if there is no other', async () => {
    const device = await Device.measure(fake.host, { slowdown: 1 });
    await device.use(LARGE);
    expect((await device.use(LARGE, 'webgpu')).name).toBe('wasm');
    expect(device.preferred(LARGE)).toBe('webgpu');
    const only = await Device.measure(fake.host, { slowdown: 1, backends: ['wasm'] });
    expect((await only.use(LARGE, 'wasm')).name).toBe('wasm');
  });

  it('use() takes the next backend if the faster does not start, and says why if none does', async () => {
    const device = await Device.measure(fake.host, { slowdown: 1 });
    fake.broken.add('webgpu');
    expect((await device.use(LARGE)).name).toBe('wasm');
    fake.broken.add('wasm');
    await expect(device.use(LARGE)).rejects.toThrow('webgpu: no adapter; wasm: no adapter');
  });

  it('counts a slowdown in what it tells, and opens the backend with it', async () => {
    const device = await Device.measure(fake.host, { slowdown: 4 });
    await device.use(LARGE);
    expect(device.profile).toMatchObject({ gflops: 25, fixedMs: 80, slowdown: 4 });
    expect(fake.opened).toMatchObject([{ name: 'webgpu', slowdown: 4 }]);
  });

  it('use() measures again what was measured with another runtime', async () => {
    const run = () => Promise.resolve({ outputs: {}, computeMs: 2, queueMs: 0 });
    const session = { run, dispose: () => Promise.resolve() };
    fake.host.openBackend = ({ name, slowdown }) => {
      const prepare = () => Promise.resolve(session);
      const backend = {
        name,
        slowdown,
        concurrency: 1,
        numericClass: 'ort 2',
        prepare,
        dispose: async () => undefined,
      };
      return Promise.resolve(backend as unknown as Backend);
    };
    const device = await Device.measure(fake.host, { slowdown: 4 });
    await device.use(LARGE);
    expect(device.profile.gflops).not.toBe(25);
    expect(device.profile.slowdown).toBe(4);
    expect((await readCachedProfile(fake.host, 'webgpu'))?.key.runtime).toBe('ort 2');
  });

  it('measure() names what was tried when nothing works here', async () => {
    const bare = fakeHost();
    bare.broken.add('webgpu').add('wasm');
    await expect(Device.measure(bare.host, { slowdown: 1 })).rejects.toMatchObject({
      code: 'CLIENT_BACKEND_UNAVAILABLE',
      message: expect.stringContaining('wasm: no adapter'),
    });
  });

  it('dispose() ends what is open; what was measured can still be read', async () => {
    const device = await Device.measure(fake.host, { slowdown: 1 });
    await device.use(LARGE);
    await device.dispose();
    expect(fake.opened[0]?.dispose).toHaveBeenCalledTimes(1);
    expect(device.profile.backend).toBe('webgpu');
  });
});

describe('readCachedProfile()', () => {
  it('believes only what is whole and fresh', async () => {
    const { host } = fakeHost();
    expect(await readCachedProfile(host, 'wasm')).toBeUndefined();
    for (const absurd of [Number.NaN, -1, 1e12]) {
      await writeCachedProfile(host, 'wasm', { ...profileOf('wasm'), gflops: absurd });
      expect(await readCachedProfile(host, 'wasm')).toBeUndefined();
    }
    const foreign = { ...profileOf('wasm'), key: { ...profileOf('wasm').key, hardware: 'another' } };
    await writeCachedProfile(host, 'wasm', foreign);
    expect(await readCachedProfile(host, 'wasm')).toBeUndefined();
    await writeCachedProfile(host, 'wasm', profileOf('wasm'));
    expect((await readCachedProfile(host, 'wasm'))?.gflops).toBe(PROFILES.wasm.gflops);
    vi.useFakeTimers({ now: Date.now() + 8 * 24 * 60 * 60 * 1000 });
    try {
      expect(await readCachedProfile(host, 'wasm')).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });
});
