import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pixelsOf } from './pixels-of.ts';
import type { Raster } from './raster.ts';
import { rasterise, type SketchInput } from './rasterise.ts';
import { sketchFromPicture } from './sketch-from-picture.ts';
import type { Picture, Strokes } from './types.ts';

const input: SketchInput = {
  name: 'image',
  kind: 'sketch',
  layout: 'NCHW',
  width: 64,
  height: 64,
  color: 'gray',
  range: [0, 1],
  mean: [0],
  std: [1],
  ink: 'white',
  fit: 0.8,
  penPixels: 4,
};

/** A flag: a pole, and a pennant at its top. */
const flag: Strokes = {
  strokes: [
    [
      [0.2, 0.1],
      [0.2, 0.9],
    ],
    [
      [0.2, 0.1],
      [0.6, 0.25],
      [0.2, 0.4],
    ],
  ],
};

function borders({ width, data }: Raster, least = 128): readonly [number, number, number, number] {
  const inked = [...data.keys()].filter((index) => (data[index] ?? 0) >= least);
  const columns = inked.map((index) => index % width);
  const rows = inked.map((index) => Math.floor(index / width));
  return [Math.min(...columns), Math.min(...rows), Math.max(...columns) + 1, Math.max(...rows) + 1];
}

const asPicture = ({ width, height, data }: Raster, pixel: (ink: number) => readonly number[]): Picture => ({
  width,
  height,
  rgba: Uint8ClampedArray.from([...data].flatMap((ink) => [...pixel(ink)])),
});
const chalk = (ink: number) => [ink, ink, ink, 255];
const distance = (a: Raster, b: Raster) =>
  a.data.reduce((sum, value, index) => sum + Math.abs(value - (b.data[index] ?? 0)), 0) / a.data.length;

describe('rasterise()', () => {
  it('fills `fit` of the page with the longer side, in the middle', () => {
    // 0.8 · 64 = 51.2 of ink, half a pen more at each end, the shorter side in proportion.
    expect(borders(rasterise(flag, input))).toEqual([17, 4, 47, 60]);
  });

  it('does not care where and how large a drawing is', () => {
    const drawn = rasterise(flag, input);
    const numbers = fc.record({
      scale: fc.double({ min: 0.05, max: 4, noNaN: true }),
      x: fc.double({ min: -2, max: 2, noNaN: true }),
      y: fc.double({ min: -2, max: 2, noNaN: true }),
    });
    fc.assert(
      fc.property(numbers, ({ scale, x, y }) => {
        const moved = flag.strokes.map((stroke) => stroke.map(([u, v]) => [u * scale + x, v * scale + y] as const));
        const again = rasterise({ strokes: moved }, input);
        // One step in 255: coordinates are rounded elsewhere.
        expect(again.data.every((value, index) => Math.abs(value - (drawn.data[index] ?? 0)) <= 1)).toBe(true);
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  it('draws a pen of the right width with soft edges', () => {
    const line = rasterise(
      {
        strokes: [
          [
            [0, 0],
            [1, 0],
          ],
        ],
      },
      input,
    );
    const column = Array.from({ length: 64 }, (_, y) => line.data[y * 64 + 32] ?? 0);
    expect(column.filter((value) => value > 0)).toEqual([255, 255, 255, 255]);
    const odd = rasterise(
      {
        strokes: [
          [
            [0, 0],
            [1, 0],
          ],
        ],
      },
      { ...input, penPixels: 3 },
    );
    const soft = Array.from({ length: 64 }, (_, y) => odd.data[y * 64 + 32] ?? 0).filter((value) => value > 0);
    expect(soft).toEqual([128, 255, 255, 128]);
  });

  it('draws a dot for a point, and black ink as the reverse', () => {
    const dot = rasterise({ strokes: [[[0.3, 0.9]]] }, input);
    expect(borders(dot)).toEqual([30, 30, 34, 34]);
    const black = rasterise({ strokes: [[[0.3, 0.9]]] }, { ...input, ink: 'black' });
    expect(black.data).toEqual(dot.data.map((value) => 255 - value));
  });

  it('refuses nothing, nonsense and too much', () => {
    expect(() => rasterise({ strokes: [[]] }, input)).toThrow("Input 'image' is a drawing and there is no ink in it");
    expect(() => rasterise({ strokes: [[[0, Number.NaN]]] }, input)).toThrow('point [0,NaN] is not two finite numbers');
    const many = { strokes: [Array.from({ length: 20_001 }, (_, x) => [x, 0] as const)] };
    expect(() => rasterise(many, input)).toThrow('20001 points and the limit is 20000');
  });
});

describe('sketchFromPicture()', () => {
  const large = rasterise(flag, { ...input, width: 256, height: 256, penPixels: 16 });
  const wanted = rasterise(flag, input);

  it('keeps the pixels of a fitted picture', () => {
    expect(sketchFromPicture(asPicture(wanted, chalk), input)).toEqual(wanted);
  });

  it.each<readonly [string, (ink: number) => readonly number[]]>([
    ['light on dark', chalk],
    ['dark on light', (ink) => [255 - ink, 255 - ink, 255 - ink, 255]],
    ['grey on paper', (ink) => [230 - ink / 2, 230 - ink / 2, 230 - ink / 2, 255]],
    ['black on nothing', (ink) => [0, 0, 0, ink]],
    ['white on nothing', (ink) => [255, 255, 255, ink]],
  ])('finds the ink %s', (_, pixel) => {
    const found = sketchFromPicture(asPicture(large, pixel), input);
    // Edges differ, since one is resized and the other drawn; an empty page would be ten times as far off.
    expect(distance(found, wanted)).toBeLessThan(4);
    for (const [index, border] of borders(found).entries()) {
      expect(Math.abs(border - (borders(wanted)[index] ?? 0))).toBeLessThanOrEqual(1);
    }
  });

  it('fits a small drawing in a corner', () => {
    const page = new Uint8Array(300 * 200);
    large.data.forEach((ink, index) => {
      if (index % 4 === 0 && Math.floor(index / 256) % 4 === 0) {
        page[(Math.floor(index / 1024) + 100) * 300 + (index % 256) / 4 + 10] = ink;
      }
    });
    const found = sketchFromPicture(asPicture({ width: 300, height: 200, channels: 1, data: page }, chalk), input);
    const [left, top, right, bottom] = borders(found);
    expect(bottom - top).toBeGreaterThanOrEqual(53);
    expect(Math.abs(left + right - 64)).toBeLessThanOrEqual(2);
    expect(Math.abs(top + bottom - 64)).toBeLessThanOrEqual(2);
  });

  it('says that an empty page is empty', () => {
    const blank = asPicture({ width: 8, height: 8, channels: 1, data: new Uint8Array(64) }, chalk);
    expect(() => pixelsOf(blank, input)).toThrow('there is no ink in it');
  });
});
