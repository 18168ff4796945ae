import { describe, expect, it } from 'vitest';
import { measureLinkError } from './link-error.ts';

describe('measureLinkError()', () => {
  it('finds estimates near the shaped rate, and predicted transfers near the time they take, ramp included', async () => {
    const cells = [
      { mbit: 2, roundTripMs: 30 },
      { mbit: 10, roundTripMs: 20 },
      { mbit: 10, roundTripMs: 150 },
    ];
    const { rows, figures } = await measureLinkError({ cells });
    expect(rows.filter(({ what }) => what === 'rate')).toHaveLength(4);
    expect(rows.filter(({ what }) => what !== 'rate').length).toBeGreaterThanOrEqual(4);
    // Twice what is asked for on a machine of its own: tests share theirs.
    expect(figures.linkEstimateError).toBeLessThan(0.1);
    expect(figures.linkEstimateWorst).toBeLessThan(0.3);
  }, 30_000);
});
