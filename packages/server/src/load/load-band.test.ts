import { describe, expect, it } from 'vitest';
import { IdleTimes } from './idle-times.ts';
import { loadLeftBand } from './load-band.ts';

describe('loadLeftBand()', () => {
  it.each([
    [undefined, { scale: 1.2, queueMs: 0.9 }, false],
    [undefined, { scale: 1.3, queueMs: 0 }, true],
    [{ scale: 2, queueMs: 0 }, undefined, true],
    [{ scale: 1, queueMs: 0 }, { scale: 1, queueMs: 1 }, true],
    [{ scale: 1, queueMs: 10 }, { scale: 1, queueMs: 12 }, false],
    [{ scale: 1, queueMs: 10 }, { scale: 1, queueMs: 13 }, true],
  ])('of %o, now %o, is %s', (announced, now, left) => {
    expect(loadLeftBand(announced, now)).toBe(left);
  });
});

describe('IdleTimes', () => {
  const run = (ms: number, atMs: number) => ({ layers: [], ms, atMs });

  it('keeps the least of each segment, and forgets it slowly', () => {
    const times = new IdleTimes();
    expect(times.last).toBeUndefined();
    times.note('a', run(10, 0));
    times.note('a', run(20, 1_000));
    expect(times.last?.leastMs).toBeCloseTo(10, 1);
    times.note('b', run(5, 2_000));
    expect(times.last?.leastMs).toBe(5);
    times.note('a', run(100, 601_000));
    expect(times.last?.leastMs).toBeCloseTo(20, 1);
  });
});
