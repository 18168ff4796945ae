import type { LinkClient } from '@d3/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { measureLink } from './measure-link.ts';

/** A link of this rate and round trip on the fake clock. */
function linkOf(bytesPerMs: number, roundTripMs: number): { link: LinkClient; sizes: number[] } {
  const sizes: number[] = [];
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const ask = async (_type: string, { padding = '' }: { padding?: string }) => {
    sizes.push(padding.length);
    await wait(roundTripMs + padding.length / bytesPerMs);
    return { sentMs: 0 };
  };
  const ping = () => wait(roundTripMs).then(() => roundTripMs);
  return { link: { ask, ping } as unknown as LinkClient, sizes };
}

async function measured(link: LinkClient, downBytesPerMs?: number) {
  const estimate = measureLink(link, { downBytesPerMs });
  await vi.runAllTimersAsync();
  return await estimate;
}

describe('measureLink()', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('finds the rate and the delay, growing the transfer until it takes long enough', async () => {
    const { link, sizes } = linkOf(1000, 20);
    const estimate = await measured(link);
    expect(estimate.delayMs).toBe(10);
    expect(estimate.upBytesPerMs).toBeCloseTo(1000, -2);
    expect(estimate.downBytesPerMs).toBe(estimate.upBytesPerMs);
    expect(sizes).toEqual([16384, 65536]);
  });

  it('stops at the first transfer on a slow link', async () => {
    const { link, sizes } = linkOf(100, 100);
    expect((await measured(link)).upBytesPerMs).toBeCloseTo(100, -1);
    expect(sizes).toEqual([16384]);
  });

  it('takes the rate downwards from a download if there was one', async () => {
    const { link } = linkOf(100, 100);
    expect((await measured(link, 4321)).downBytesPerMs).toBe(4321);
  });
});
