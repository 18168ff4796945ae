import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Arrival, fitLinks, LinkEstimator, leftBand, rampStallMs, rampTransferMs } from '../index.ts';

const MBIT = 125;
const about = (value: number) => expect.closeTo(value, 6);

/** When the parts of a transfer come over a link that ramps up as TCP does. */
function arrivalsOf(bytes: number, link: { bytesPerMs: number; roundTripMs: number; warmBytes?: number }): Arrival[] {
  const part = Math.min(1 << 16, bytes / 4);
  return Array.from({ length: Math.ceil(bytes / part) }, (_, index) => {
    const upTo = Math.min(bytes, (index + 1) * part);
    return { bytes: upTo, ms: rampTransferMs(upTo, link) };
  });
}

function told(estimator: LinkEstimator, arrivals: Arrival[], atMs: number, more: object = {}): void {
  const last = arrivals.at(-1) ?? { ms: 0, bytes: 0 };
  estimator.transfer({ direction: 'up', ...last, atMs: atMs + last.ms, arrivals, ...more });
}

const links = fc.record({
  mbit: fc.double({ min: Math.log(1), max: Math.log(200), noNaN: true }).map(Math.exp),
  roundTripMs: fc.double({ min: 1, max: 150, noNaN: true }),
});

describe('rampStallMs()', () => {
  it('is three round trips less what they were used for, for 64 kB on a long fat path', () => {
    const path = { bytesPerMs: 25_000, roundTripMs: 100 };
    // 14.6 + 29.2 kB go in the first two windows, the rest in the third.
    expect(rampStallMs(65_536, path)).toBeCloseTo(200 - 43_800 / 25_000, 0);
    expect(rampStallMs(14_600, path)).toBe(0);
    expect(rampStallMs(65_536, { ...path, warmBytes: 65_536 })).toBe(0);
    expect(rampStallMs(1e6, { ...path, roundTripMs: 0.1 })).toBe(0);
  });
});

describe('LinkEstimator', () => {
  it('finds the rate of any link within 5 %, ramp or not, where the ramp ends', () => {
    fc.assert(
      fc.property(links, fc.boolean(), ({ mbit, roundTripMs }, ramps) => {
        const bytesPerMs = mbit * MBIT;
        if (bytesPerMs * roundTripMs > 65_536) return;
        const estimator = new LinkEstimator();
        estimator.roundTrip(roundTripMs, 0);
        const path = { bytesPerMs, roundTripMs: ramps ? roundTripMs : 0 };
        for (let turn = 0; turn < 6; turn++) {
          told(estimator, arrivalsOf(262_144, { ...path, bytesPerMs }), turn * 60_000);
        }
        expect(estimator.estimate().upBytesPerMs / bytesPerMs).toBeGreaterThan(0.95);
        expect(estimator.estimate().upBytesPerMs / bytesPerMs).toBeLessThan(1.05);
      }),
      { seed: 12, numRuns: 300 },
    );
  });

  it('predicts cold transfers of other sizes within 15 %, on any link, from cold ones of 1 MB', () => {
    fc.assert(
      fc.property(links, ({ mbit, roundTripMs }) => {
        const path = { bytesPerMs: mbit * MBIT, roundTripMs };
        const estimator = new LinkEstimator();
        estimator.roundTrip(roundTripMs, 0);
        for (let turn = 0; turn < 4; turn++) told(estimator, arrivalsOf(1 << 20, path), turn * 60_000);
        for (const bytes of [65_536, 262_144, 1 << 20]) {
          const ms = rampTransferMs(bytes, path) + roundTripMs / 2;
          const predicted = estimator.transferMs('up', bytes) + estimator.estimate().delayMs;
          expect(Math.abs(predicted / ms - 1)).toBeLessThan(0.15);
          const fit = estimator.fitTransfer(bytes, 1e9);
          expect(bytes / fit.upBytesPerMs + 2 * fit.delayMs).toBeCloseTo(predicted + roundTripMs / 2, 3);
        }
      }),
      { seed: 13, numRuns: 200 },
    );
  });

  it('learns of a link that does not ramp, and of requests that keep a connection warm', () => {
    const path = { bytesPerMs: 2500, roundTripMs: 60 };
    const plain = new LinkEstimator();
    const warm = new LinkEstimator();
    for (const estimator of [plain, warm]) estimator.roundTrip(60, 0);
    for (let turn = 0; turn < 12; turn++) {
      told(plain, arrivalsOf(65_536, { ...path, roundTripMs: 0 }), turn * 5_000);
      told(warm, arrivalsOf(65_536, { ...path, warmBytes: turn * 65_536 }), turn * 500);
    }
    const flat = 65_536 / 2500;
    expect(plain.transferMs('up', 65_536)).toBeLessThan(flat + 6);
    expect(warm.transferMs('up', 65_536)).toBeGreaterThan(flat + 60);
    const fit = warm.fitTransfer(65_536, 6_000);
    expect(65_536 / fit.upBytesPerMs + fit.delayMs).toBeCloseTo(flat + 30, -1);
  });

  it('follows a drop to a quarter within two samples and a rise within three, whatever the noise', () => {
    const noises = fc.array(fc.double({ min: -0.1, max: 0.1, noNaN: true }), { minLength: 46, maxLength: 46 });
    fc.assert(
      fc.property(noises, fc.constantFrom(0.25, 4), (noise, factor) => {
        const estimator = new LinkEstimator();
        const feed = (rate: number, at: number) => {
          const bytes = 262_144;
          const ms = (bytes / rate) * (1 + (noise[at] ?? 0));
          estimator.transfer({ direction: 'up', bytes, ms, atMs: at * 400 });
          return estimator.estimate().upBytesPerMs;
        };
        for (let at = 0; at < 40; at++) feed(1000, at);
        const before = estimator.estimate();
        expect(leftBand({ upBytesPerMs: 1000, downBytesPerMs: 1000, delayMs: 10 }, before)).toBe(false);
        const after = [40, 41, 42, 43, 44].map((at) => feed(1000 * factor, at));
        const settled = after[factor < 1 ? 1 : 2] ?? 0;
        expect(settled / (1000 * factor)).toBeGreaterThan(0.8);
        expect(settled / (1000 * factor)).toBeLessThan(factor < 1 ? 1.3 : 1.25);
      }),
      { seed: 14, numRuns: 200 },
    );
  });

  it('does not leave its band for one outlier upwards', () => {
    const estimator = new LinkEstimator();
    for (let at = 0; at < 20; at++) estimator.transfer({ direction: 'down', bytes: 1e5, ms: 100, atMs: at * 500 });
    const before = estimator.estimate();
    estimator.transfer({ direction: 'down', bytes: 1e5, ms: 5, atMs: 10_500 });
    expect(leftBand(before, estimator.estimate())).toBe(false);
  });

  it('keeps the directions apart, and takes the way up for the way down only while that is unknown', () => {
    const estimator = new LinkEstimator();
    expect(estimator.measured).toBe(false);
    estimator.transfer({ direction: 'up', bytes: 1e5, ms: 100, atMs: 0 });
    expect(estimator.estimate()).toMatchObject({ upBytesPerMs: about(1000), downBytesPerMs: about(1000) });
    estimator.transfer({ direction: 'down', bytes: 1e5, ms: 20, atMs: 0 });
    expect(estimator.estimate()).toMatchObject({ upBytesPerMs: about(1000), downBytesPerMs: about(5000) });
    estimator.roundTrip(8, 0);
    expect(estimator.measured).toBe(true);
  });

  it('takes the shortest round trip of the last 15 s', () => {
    const estimator = new LinkEstimator();
    for (const [ms, atMs] of [
      [20, 0],
      [90, 1_000],
      [25, 2_000],
      [70, 14_000],
      [75, 14_500],
      [72, 16_500],
    ] as const) {
      estimator.roundTrip(ms, atMs);
    }
    expect(estimator.estimate().delayMs).toBe(12.5);
    estimator.roundTrip(71, 18_000);
    expect(estimator.estimate().delayMs).toBe(35);
  });

  it('learns only of rises from what a relay passes on as it comes', () => {
    const estimator = new LinkEstimator();
    const relayed = (ms: number, atMs: number) =>
      estimator.transfer({ direction: 'up', bytes: 1e5, ms, atMs, paced: true });
    relayed(1000, 0);
    estimator.transfer({ direction: 'up', bytes: 1e5, ms: 100, atMs: 1000 });
    for (let turn = 2; turn < 10; turn++) relayed(1000, turn * 1000);
    expect(estimator.estimate().upBytesPerMs).toBeCloseTo(1000, 6);
    for (let turn = 10; turn < 14; turn++) relayed(50, turn * 1000);
    expect(estimator.estimate().upBytesPerMs).toBeGreaterThan(1800);
  });

  it('grows probes until one takes 50 ms, and then stays within its budget', () => {
    fc.assert(
      fc.property(links, ({ mbit }) => {
        const bytesPerMs = mbit * MBIT;
        const estimator = new LinkEstimator();
        estimator.roundTrip(10, 0);
        const sent = { up: 0, down: 0 };
        const sizes: number[] = [];
        let nowMs = 0;
        const probe = (direction: 'up' | 'down', from: number) => {
          const bytes = estimator.probeBytes(nowMs, direction);
          if (bytes === undefined) return;
          const ms = bytes / bytesPerMs;
          estimator.transfer({ direction, bytes, ms, atMs: nowMs + ms, probe: true });
          if (nowMs >= from) sent[direction] += bytes;
          if (direction === 'up') sizes.push(bytes);
        };
        for (; nowMs < 20_000; nowMs += 250) for (const direction of ['up', 'down'] as const) probe(direction, 1e9);
        expect(sizes[0]).toBe(16_384);
        const grown = sizes.findIndex((bytes) => bytes / bytesPerMs >= 50 || bytes === 1 << 20);
        expect(grown).toBeGreaterThanOrEqual(0);
        expect(sizes.slice(1, grown + 1)).toEqual(sizes.slice(0, grown).map((bytes) => Math.min(1 << 20, bytes * 4)));
        for (; nowMs < 140_000; nowMs += 250) for (const direction of ['up', 'down'] as const) probe(direction, 0);
        const floor = (16_384 / 5000) * 120_000;
        const share = 0.01 * bytesPerMs * 120_000;
        expect(sent.up).toBeLessThanOrEqual(1.05 * Math.max(share, floor));
        expect(sent.down).toBeLessThanOrEqual(1.05 * Math.max(share, floor));
        if (2 * share <= floor) expect(sent.up + sent.down).toBeLessThanOrEqual(1.05 * floor);
        expect(sent.up).toBeGreaterThan(0);
      }),
      { seed: 15, numRuns: 60 },
    );
  });

  it('asks for no probe while frames of 16 kB tell enough, and for one soon after a surprise', () => {
    const estimator = new LinkEstimator();
    const frame = (atMs: number, ms: number) => estimator.transfer({ direction: 'up', bytes: 1e5, ms, atMs });
    estimator.transfer({ direction: 'up', bytes: 1e5, ms: 100, atMs: 0, probe: true });
    for (let atMs = 1000; atMs <= 60_000; atMs += 1000) {
      frame(atMs, 100);
      expect(estimator.probeBytes(atMs + 900)).toBeUndefined();
    }
    expect(estimator.probeBytes(62_600)).toBe(50_000);
    frame(63_000, 25);
    expect(estimator.probeBytes(63_700)).toBeGreaterThan(50_000);
  });
});

describe('fitLinks()', () => {
  it('fits links to what the plan sends over them, three times at most', () => {
    const asked: number[] = [];
    const fit = ({ up }: { up: number }) => {
      asked.push(up);
      return { upBytesPerMs: 100 + up, downBytesPerMs: 1, delayMs: 0 };
    };
    const settled = fitLinks([fit], [], ([link]) => ({
      plan: link?.upBytesPerMs,
      bytes: [{ up: (link?.upBytesPerMs ?? 0) > 150 ? 70 : 60, down: 1 }],
    }));
    expect(asked).toEqual([0, 60, 70]);
    expect(settled).toMatchObject({ plan: 170, links: [{ upBytesPerMs: 170 }] });
  });

  it('keeps the size of a hop that a plan does not cross, and stops when nothing changes', () => {
    const asked: number[] = [];
    const fit = ({ up }: { up: number }) => {
      asked.push(up);
      return { upBytesPerMs: 1, downBytesPerMs: 1, delayMs: 0 };
    };
    fitLinks([fit], [{ up: 500, down: 5 }], () => ({ plan: 0, bytes: [{ up: 0, down: 0 }] }));
    expect(asked).toEqual([500]);
  });
});
