import { describe, expect, it } from 'vitest';
import { measureLinkError } from './link-error.ts';

describe('measureLinkError()', () => {
  // How near they are is tested on simulated links and measured by the bench: here threads share the machine with other tests.
  it('compares estimates with the shaped rate, and predicted transfers with real ones, on real sockets', async () => {
    const cells = [
      { mbit: 2, roundTripMs: 30 },
      { mbit: 10, roundTripMs: 150 },
    ];
    const { rows, figures } = await measureLinkError({ cells, settleMs: 2_000 });
    const rates = rows.filter(({ what }) => what === 'rate');
    expect(rates.map(({ direction, actual }) => [direction, actual])).toEqual([
      ['up', 250],
      ['down', 250],
    ]);
    const transfers = rows.filter(({ what }) => what !== 'rate');
    expect(transfers.map(({ bytes, what }) => `${what} ${bytes}`)).toEqual(
      [1 << 16, 1 << 18].flatMap((bytes) => [`cold transfer ${bytes}`, `warm transfer ${bytes}`]),
    );
    for (const { expected, actual, error } of rows) {
      expect(error).toBeCloseTo(Math.abs(expected - actual) / actual, 9);
      expect(expected).toBeGreaterThan(0);
    }
    // No transfer is faster than the link: half a round trip, and its bytes at 10 Mbit/s.
    for (const { bytes, actual } of transfers) expect(actual).toBeGreaterThan(0.95 * (75 + (bytes ?? 0) / 1250));
    const errors = rows.map(({ error }) => error).sort((a, b) => a - b);
    expect(figures).toEqual({ linkEstimateError: errors[errors.length >> 1], linkEstimateWorst: errors.at(-1) });
  }, 30_000);
});
