import { describe, expect, it } from 'vitest';
import { LatestOnly } from './latest-only.ts';

describe('LatestOnly', () => {
  it('push() runs one job at a time and skips all but the newest that waits', async () => {
    const seen: number[] = [];
    const gates: (() => void)[] = [];
    const latest = new LatestOnly<number>(async (value) => {
      seen.push(value);
      await new Promise<void>((resolve) => gates.push(resolve));
    });
    for (const value of [1, 2, 3, 4]) latest.push(value);
    expect(seen).toEqual([1]);
    gates.shift()?.();
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve));
    expect(seen).toEqual([1, 4]);
    gates.shift()?.();
    await new Promise((resolve) => setTimeout(resolve));
    latest.push(5);
    expect(seen).toEqual([1, 4, 5]);
  });

  it('clear() forgets what waits', async () => {
    const seen: number[] = [];
    const latest = new LatestOnly<number>(async (value) => {
      seen.push(value);
    });
    latest.push(1);
    latest.push(2);
    latest.clear();
    await new Promise((resolve) => setTimeout(resolve));
    expect(seen).toEqual([1]);
  });
});
