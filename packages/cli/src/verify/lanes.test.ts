import { describe, expect, it } from 'vitest';
import { runOnLanes } from './lanes.ts';

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('runOnLanes()', () => {
  it('gives results in order, one task at a time on each lane', async () => {
    const busy = new Set<string>();
    let most = 0;
    const results = await runOnLanes(['a', 'b'], [1, 2, 3, 4, 5], async (lane, task) => {
      expect(busy.has(lane)).toBe(false);
      busy.add(lane);
      most = Math.max(most, busy.size);
      await tick();
      busy.delete(lane);
      return task * 10;
    });
    expect(results).toEqual([10, 20, 30, 40, 50]);
    expect(most).toBe(2);
  });

  it('stops and rejects at the first failure, when all lanes are idle', async () => {
    const begun: number[] = [];
    const run = runOnLanes(['a', 'b'], [1, 2, 3, 4, 5, 6], async (_, task) => {
      begun.push(task);
      await tick();
      if (task === 1) throw new Error('one is bad');
    });
    await expect(run).rejects.toThrow('one is bad');
    expect(begun.length).toBeLessThanOrEqual(3);
  });
});
