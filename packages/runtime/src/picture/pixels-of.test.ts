import { makeTensor, typedView } from '@d3/tensor';
import { describe, expect, it } from 'vitest';
import type { ImageInput } from './fit-picture.ts';
import { normalise } from './normalise.ts';
import { pixelsOf } from './pixels-of.ts';
import type { Picture } from './types.ts';

const input: ImageInput = {
  name: 'x',
  kind: 'image',
  layout: 'NCHW',
  width: 2,
  height: 2,
  color: 'RGB',
  range: [0, 1],
  mean: [0],
  std: [1],
  resize: { fit: 'cover', filter: 'nearest' },
  alpha: 'white',
};

type Pixel = readonly [red: number, green: number, blue: number, alpha?: number];
const picture = (width: number, height: number, pixels: readonly Pixel[]): Picture => ({
  width,
  height,
  rgba: Uint8ClampedArray.from(pixels.flatMap(([red, green, blue, alpha = 255]) => [red, green, blue, alpha])),
});
const two = picture(2, 2, [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
  [10, 20, 30],
]);
const grays = (width: number, height: number, values: readonly number[]) =>
  picture(
    width,
    height,
    values.map((value): Pixel => [value, value, value]),
  );
const values = (pixels: { readonly bytes: Uint8Array }) => [...pixels.bytes];

describe('pixelsOf()', () => {
  it('keeps a picture of the right size, in the colour order asked for', () => {
    expect(pixelsOf(two, input)).toMatchObject({ type: 'uint8', shape: [2, 2, 3] });
    expect(values(pixelsOf(two, input))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30]);
    expect(values(pixelsOf(two, { ...input, color: 'BGR' }))).toEqual([3, 2, 1, 6, 5, 4, 9, 8, 7, 30, 20, 10]);
  });

  it('takes luma by ITU-R 601 and leaves greys as they are', () => {
    const colours = picture(2, 2, [
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
      [77, 77, 77],
    ]);
    expect(values(pixelsOf(colours, { ...input, color: 'luma' }))).toEqual([76, 150, 29, 77]);
    const every = grays(
      16,
      16,
      Array.from({ length: 256 }, (_, value) => value),
    );
    const whole = { ...input, color: 'gray', width: 16, height: 16 } as const;
    expect(values(pixelsOf(every, whole))).toEqual(Array.from({ length: 256 }, (_, value) => value));
  });

  it('lays transparent pixels on the background', () => {
    const faint = picture(2, 2, [
      [100, 100, 100, 0],
      [100, 100, 100, 51],
      [100, 100, 100, 255],
      [0, 0, 0, 128],
    ]);
    expect(values(pixelsOf(faint, { ...input, color: 'gray' }))).toEqual([255, 224, 100, 127]);
    expect(values(pixelsOf(faint, { ...input, color: 'gray', alpha: 'black' }))).toEqual([0, 20, 100, 0]);
  });

  it('covers by cutting the longer side evenly', () => {
    const wide = grays(4, 2, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(values(pixelsOf(wide, { ...input, color: 'gray' }))).toEqual([2, 3, 6, 7]);
    const high = grays(2, 4, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(values(pixelsOf(high, { ...input, color: 'gray' }))).toEqual([3, 4, 5, 6]);
  });

  it('contains by filling up, and stretches', () => {
    const wide = grays(4, 2, [1, 1, 5, 5, 1, 1, 5, 5]);
    const square = { ...input, color: 'gray', width: 4, height: 4 } as const;
    const contain = { ...square, resize: { fit: 'contain', filter: 'nearest' } } as const;
    expect(values(pixelsOf(wide, contain))).toEqual([255, 255, 255, 255, 1, 1, 5, 5, 1, 1, 5, 5, 255, 255, 255, 255]);
    const stretch = { ...square, width: 2, resize: { fit: 'stretch', filter: 'nearest' } } as const;
    expect(values(pixelsOf(wide, stretch))).toEqual([1, 5, 1, 5, 1, 5, 1, 5]);
  });

  it('says why something is not for an input', () => {
    const drawing = { strokes: [[[0, 0] as const]] };
    expect(() => pixelsOf(drawing, input)).toThrow("Input 'x' cannot be made from this: it is a picture");
    expect(() => pixelsOf(two, { name: 'x', kind: 'tensor' })).toThrow('it is a plain tensor');
    expect(() => pixelsOf({ ...two, width: 3 }, input)).toThrow('3×2 pixels does not have 16 bytes of RGBA');
    expect(() => pixelsOf({ ...two, width: 0 }, input)).toThrow('0×2');
  });
});

describe('normalise()', () => {
  const floats = (tensor: ReturnType<typeof normalise>) => [...typedView({ ...tensor, type: 'float32' })];
  const pixels = pixelsOf(two, input);

  it('maps onto the range, then takes mean and std, channel by channel', () => {
    const spec = { ...input, range: [0, 255], mean: [1, 2, 3], std: [1, 2, 4] } as const;
    const tensor = normalise(pixels, spec);
    expect(tensor).toMatchObject({ type: 'float32', shape: [1, 3, 2, 2] });
    expect(floats(tensor)).toEqual([0, 3, 6, 9, 0, 1.5, 3, 9, 0, 0.75, 1.5, 6.75]);
    const nhwc = normalise(pixels, { ...spec, layout: 'NHWC' });
    expect(nhwc.shape).toEqual([1, 2, 2, 3]);
    expect(floats(nhwc)).toEqual([0, 0, 0, 3, 1.5, 0.75, 6, 3, 1.5, 9, 9, 6.75]);
  });

  it('is exact: each value is the rounded true one', () => {
    const all = makeTensor(
      'x',
      'uint8',
      [16, 16, 1],
      Uint8Array.from({ length: 256 }, (_, value) => value),
    );
    const gray = { ...input, color: 'gray', width: 16, height: 16 } as const;
    expect(floats(normalise(all, { ...gray, range: [0, 255] }))).toEqual(Array.from({ length: 256 }, (_, v) => v));
    expect(floats(normalise(all, { ...gray, range: [0, 255], mean: [127], std: [128] }))[127]).toBe(0);
    expect(floats(normalise(all, gray))).toEqual(Array.from({ length: 256 }, (_, v) => Math.fround(v / 255)));
  });

  it('refuses pixels of another size', () => {
    const reason = 'its pixels are uint8 [2,2,3] and must be uint8 [4,2,3]';
    expect(() => normalise(pixels, { ...input, height: 4 })).toThrow(reason);
    expect(() => normalise({ ...pixels, type: 'int8' }, input)).toThrow('its pixels are int8');
    expect(() => normalise({ ...pixels, bytes: pixels.bytes.subarray(1) }, input)).toThrow('its pixels are uint8');
  });
});
