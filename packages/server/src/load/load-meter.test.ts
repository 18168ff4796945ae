import { describe, expect, it } from 'vitest';
import { loadLeftBand } from './load-band.ts';
import { LoadMeter } from './load-meter.ts';

function run(meter: LoadMeter, measuredMs: number, rest: { atMs?: number; queueMs?: number; subject?: string } = {}) {
  meter.observe({ subject: 'all', predictedMs: 10, measuredMs, queueMs: 0, atMs: 0, ...rest });
}

describe('LoadMeter', () => {
  it('knows nothing before the first run', () => {
    expect(new LoadMeter().load(0)).toBeUndefined();
  });

  it('follows a load within three runs, there and back', () => {
    const meter = new LoadMeter();
    for (let index = 0; index < 20; index++) run(meter, 10);
    for (let index = 0; index < 3; index++) run(meter, 20);
    expect(meter.load(0)?.scale).toBe(2);
    expect(meter.loaded).toBe(true);
    for (let index = 0; index < 3; index++) run(meter, 10);
    expect(meter.load(0)?.scale).toBe(1);
    expect(meter.loaded).toBe(false);
  });

  it('is not moved by two runs that are far off, nor by nonsense', () => {
    const meter = new LoadMeter();
    for (let index = 0; index < 5; index++) run(meter, 10);
    run(meter, 500);
    run(meter, Number.NaN);
    run(meter, 500);
    expect(meter.load(0)?.scale).toBe(1);
  });

  it('goes back, while nothing runs, to what its last subject takes on an idle machine', () => {
    const meter = new LoadMeter();
    for (let index = 0; index < 5; index++) run(meter, 14);
    for (let index = 0; index < 5; index++) run(meter, 28);
    for (let index = 0; index < 3; index++) meter.probed(1);
    expect(meter.load(0)?.scale).toBeCloseTo(1.4, 6);
    for (let index = 0; index < 3; index++) meter.probed(2);
    expect(meter.load(0)?.scale).toBeCloseTo(2.8, 6);
  });

  it('says the usual wait, and none once nothing ran for a second', () => {
    const meter = new LoadMeter();
    for (const queueMs of [0, 8, 9, 10, 500]) run(meter, 10, { queueMs, atMs: 100 });
    expect(meter.load(200)?.queueMs).toBe(9);
    expect(meter.load(1_101)?.queueMs).toBe(0);
  });
});

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
