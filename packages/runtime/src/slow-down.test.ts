import { describe, expect, it } from 'vitest';
import { slowDown } from './slow-down.ts';

describe('slowDown()', () => {
  it('waits the rest and counts what it really took', async () => {
    const waits: number[] = [];
    const startedMs = performance.now();
    const totalMs = await slowDown(10, 4, async (ms) => {
      waits.push(ms);
      await new Promise((resolve) => setTimeout(resolve, 20));
    });
    expect(waits).toEqual([30]);
    // What it waited, not what it asked for; a timer may fire a fraction early.
    expect(totalMs).toBeGreaterThanOrEqual(10 + 19);
    expect(totalMs).toBeLessThanOrEqual(10 + performance.now() - startedMs);
  });

  it('does nothing at 1', async () => {
    const never = () => {
      throw new Error('waited');
    };
    expect(await slowDown(10, 1, never)).toBe(10);
  });
});
