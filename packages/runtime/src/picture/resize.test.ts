import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Raster } from './raster.ts';
import { resize } from './resize.ts';

const row = (...values: number[]): Raster => ({
  width: values.length,
  height: 1,
  channels: 1,
  data: Uint8Array.from(values),
});
const SEED = { seed: 7, numRuns: 60 };
const side = fc.integer({ min: 1, max: 24 });
const filter = fc.constantFrom('bilinear' as const, 'nearest' as const);
const raster = fc
  .record({ width: side, height: side, channels: fc.constantFrom(1, 3) })
  .chain(({ width, height, channels }) =>
    fc
      .uint8Array({ minLength: width * height * channels, maxLength: width * height * channels })
      .map((data): Raster => ({ width, height, channels, data: Uint8Array.from(data) })),
  );

/** The definition, in floating point, without the rounding between the passes. */
function exact(source: Raster, width: number, height: number): number[] {
  const weights = (size: number, from: number, index: number) => {
    const scale = from / size;
    const reach = Math.max(scale, 1);
    const all = Array.from({ length: from }, (_, x) =>
      Math.max(0, 1 - Math.abs(x + 0.5 - (index + 0.5) * scale) / reach),
    );
    const total = all.reduce((a, b) => a + b, 0);
    return all.map((weight) => weight / total);
  };
  const values: number[] = [];
  for (let y = 0; y < height; y++) {
    const down = weights(height, source.height, y);
    for (let x = 0; x < width; x++) {
      const across = weights(width, source.width, x);
      for (let channel = 0; channel < source.channels; channel++) {
        let sum = 0;
        for (const [v, a] of down.entries())
          for (const [u, b] of across.entries())
            sum += a * b * (source.data[(v * source.width + u) * source.channels + channel] ?? 0);
        values.push(sum);
      }
    }
  }
  return values;
}

describe('resize()', () => {
  it('keeps every pixel at the same size', () => {
    fc.assert(
      fc.property(raster, filter, (source, kind) => {
        const { width, height } = source;
        expect(resize(source, { width, height, filter: kind })).toEqual(source);
      }),
      SEED,
    );
  });

  it('weighs as its definition says', () => {
    // Shrinking by 2: weights ¾, ¾, ¼ over 1¾.
    expect([...resize(row(0, 0, 255, 255), { width: 2, height: 1, filter: 'bilinear' }).data]).toEqual([36, 219]);
    expect([...resize(row(0, 255), { width: 4, height: 1, filter: 'bilinear' }).data]).toEqual([0, 64, 191, 255]);
    expect([...resize(row(1, 2, 3, 4, 5, 6), { width: 3, height: 1, filter: 'nearest' }).data]).toEqual([2, 4, 6]);
  });

  it('is within rounding of the definition for any size', () => {
    fc.assert(
      fc.property(raster, side, side, (source, width, height) => {
        const { data } = resize(source, { width, height, filter: 'bilinear' });
        // Half a step for each of the two passes.
        exact(source, width, height).forEach((value, index) => {
          expect(Math.abs((data[index] ?? 0) - value)).toBeLessThan(1.01);
        });
      }),
      SEED,
    );
  });

  it('never leaves the range of the values it reads', () => {
    fc.assert(
      fc.property(raster, side, side, filter, (source, width, height, kind) => {
        const { data } = resize(source, { width, height, filter: kind });
        expect(data.length).toBe(width * height * source.channels);
        expect(Math.min(...data)).toBeGreaterThanOrEqual(Math.min(...source.data));
        expect(Math.max(...data)).toBeLessThanOrEqual(Math.max(...source.data));
      }),
      SEED,
    );
  });

  it('reads only the box', () => {
    const box = { left: 2, top: 0, right: 4, bottom: 1 };
    expect([...resize(row(9, 9, 50, 60, 9), { width: 2, height: 1, filter: 'nearest', box }).data]).toEqual([50, 60]);
  });
});
