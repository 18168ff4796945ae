import { describe, expect, it } from 'vitest';
import { openLiveBed } from './live-bed.ts';
import { measureSteps } from './live-steps.ts';

describe('a session on a link that steps', () => {
  it('leaves the edge when the link falls to a quarter, and goes back when it rises', { timeout: 90_000 }, async () => {
    const bed = await openLiveBed();
    try {
      const [down, up] = await measureSteps(bed, 1);
      // Where nothing else runs they take 2 s and 10 s at most.
      expect(down?.ms).toBeLessThan(8_000);
      expect(up?.ms).toBeLessThan(15_000);
      expect(down?.what).toBe('step down');
      expect(up?.what).toBe('step up');
    } finally {
      await bed.close();
    }
  });
});
