import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LoadedModel } from './load-model.ts';
import { Standby } from './standby.ts';

const MB = 1e6;

function modelOf(totalWeightBytes: number) {
  const held = new Set(['b']);
  const fetched: string[] = [];
  const weights = ['a', 'b', 'c'].map((id) => ({ id, name: id, bytes: totalWeightBytes / 3 }));
  const readWeights = async (wanted: readonly { readonly id: string }[]) => {
    for (const { id } of wanted) {
      fetched.push(id);
      held.add(id);
    }
    return new Map();
  };
  const store = { holds: (id: string) => held.has(id), readWeights };
  return { fetched, model: { manifest: { totalWeightBytes, weights }, store } as unknown as LoadedModel };
}

function standbyOf(totalWeightBytes: number, memoryBytes: number) {
  const { model, fetched } = modelOf(totalWeightBytes);
  const ending = new AbortController();
  let busy = false;
  const prepare = vi.fn(() => Promise.resolve());
  const standby = new Standby({ model, memoryBytes, busy: () => busy, prepare, ending: ending.signal });
  standby.wake();
  return {
    ...{ fetched, prepare, ending, standby },
    setBusy: (now: boolean) => {
      busy = now;
    },
  };
}

describe('Standby', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('fetches what is missing once the session has rested, and then prepares', async () => {
    const { fetched, prepare } = standbyOf(30 * MB, 1000 * MB);
    await vi.advanceTimersByTimeAsync(1000);
    expect(fetched).toEqual([]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(fetched).toEqual(['a', 'c']);
    expect(prepare).toHaveBeenCalledTimes(1);
  });

  it('gives way to requests, and goes on when they are over', async () => {
    const { fetched, setBusy } = standbyOf(30 * MB, 1000 * MB);
    setBusy(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(fetched).toEqual([]);
    setBusy(false);
    await vi.advanceTimersByTimeAsync(3000);
    expect(fetched).toEqual(['a', 'c']);
  });

  it('caches without preparing a model that takes much of the memory, and leaves alone one that does not fit', async () => {
    const large = standbyOf(500 * MB, 1000 * MB);
    const tooLarge = standbyOf(2000 * MB, 1000 * MB);
    await vi.advanceTimersByTimeAsync(5000);
    expect([large.fetched, large.prepare.mock.calls.length]).toEqual([['a', 'c'], 0]);
    expect(tooLarge.fetched).toEqual([]);
  });

  it('prepares again for another plan, and does nothing once the session has ended', async () => {
    const { prepare, standby, ending } = standbyOf(30 * MB, 1000 * MB);
    await vi.advanceTimersByTimeAsync(5000);
    standby.wake();
    await vi.advanceTimersByTimeAsync(5000);
    expect(prepare).toHaveBeenCalledTimes(2);
    ending.abort();
    standby.wake();
    await vi.advanceTimersByTimeAsync(5000);
    expect(prepare).toHaveBeenCalledTimes(2);
    expect(vi.getTimerCount()).toBe(0);
  });
});
