import type { Raster } from './raster.ts';

/** A part of a raster, in its pixels; borders may lie inside a pixel. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** What a resize makes of it. */
export interface ResizeTarget {
  readonly width: number;
  readonly height: number;
  readonly filter: 'bilinear' | 'nearest';
  /** The whole raster if absent. */
  readonly box?: Box;
}

/** Weights are whole multiples of 2^-22: products and sums with bytes stay exact in 32 bits. */
const ONE = 1 << 22;
const HALF = ONE >> 1;

/**
 * Resizes a raster, the same bits in every engine: weights come from + − × ÷ alone and are rounded to fixed point, sums are
 * integers.
 *
 * `bilinear` is a triangle filter which, for shrinking by a factor f, is f times as wide (antialias); out pixel i of n looks
 * at centre c = start + (i + ½)·scale with weights max(0, 1 − |x + ½ − c| / max(scale, 1)), normalised to 1. Rows first, then
 * columns, each rounded half up to 8 bits. `nearest` takes the pixel at ⌊c⌋. Same size and box: the same pixels.
 */
export function resize(source: Raster, target: ResizeTarget): Raster {
  const { filter } = target;
  const box = target.box ?? { left: 0, top: 0, right: source.width, bottom: source.height };
  const wide = resizeRows(source, tapsOf(source.width, [box.left, box.right], { size: target.width, filter }));
  return resizeColumns(wide, tapsOf(source.height, [box.top, box.bottom], { size: target.height, filter }));
}

/** For each output position the first source position it looks at, and the weights from there on. */
interface Taps {
  readonly size: number;
  readonly width: number;
  readonly starts: Int32Array;
  readonly weights: Int32Array;
}

function tapsOf(
  sourceSize: number,
  [from, to]: readonly [number, number],
  { size, filter }: { readonly size: number; readonly filter: ResizeTarget['filter'] },
): Taps {
  const scale = (to - from) / size;
  const reach = filter === 'nearest' ? 0 : Math.max(scale, 1);
  const width = Math.ceil(reach) * 2 + 1;
  const starts = new Int32Array(size);
  const weights = new Int32Array(size * width);
  for (let index = 0; index < size; index++) {
    const centre = from + (index + 0.5) * scale;
    if (reach === 0) {
      starts[index] = clamp(Math.floor(centre), 0, sourceSize - 1);
      weights[index] = ONE;
    } else {
      const first = clamp(Math.floor(centre - reach + 0.5), 0, sourceSize - 1);
      const end = clamp(Math.floor(centre + reach + 0.5), first + 1, sourceSize);
      starts[index] = first;
      weights.set(triangle(centre, reach, [first, end]), index * width);
    }
  }
  return { size, width, starts, weights };
}

function triangle(centre: number, reach: number, [first, end]: readonly [number, number]): number[] {
  const shares: number[] = [];
  let total = 0;
  for (let position = first; position < end; position++) {
    const share = Math.max(0, 1 - Math.abs(position + 0.5 - centre) / reach);
    shares.push(share);
    total += share;
  }
  return total === 0 ? [ONE] : shares.map((share) => Math.floor((share / total) * ONE + 0.5));
}

function resizeRows(source: Raster, taps: Taps): Raster {
  const { height, channels } = source;
  const data = new Uint8Array(taps.size * height * channels);
  for (let row = 0, to = 0; row < height; row++) {
    const rowStart = row * source.width * channels;
    for (let column = 0; column < taps.size; column++) {
      const from = rowStart + (taps.starts[column] ?? 0) * channels;
      for (let channel = 0; channel < channels; channel++, to++) {
        data[to] = weigh(source.data, from + channel, { stride: channels, taps, index: column });
      }
    }
  }
  return { width: taps.size, height, channels, data };
}

function resizeColumns(source: Raster, taps: Taps): Raster {
  const stride = source.width * source.channels;
  const data = new Uint8Array(stride * taps.size);
  for (let row = 0, to = 0; row < taps.size; row++) {
    const from = (taps.starts[row] ?? 0) * stride;
    for (let offset = 0; offset < stride; offset++, to++) {
      data[to] = weigh(source.data, from + offset, { stride, taps, index: row });
    }
  }
  return { width: source.width, height: taps.size, channels: source.channels, data };
}

interface Weighing {
  readonly stride: number;
  readonly taps: Taps;
  readonly index: number;
}

function weigh(data: Uint8Array, from: number, { stride, taps, index }: Weighing): number {
  const { width, weights } = taps;
  let sum = HALF;
  for (let tap = 0, at = from; tap < width; tap++, at += stride) {
    const weight = weights[index * width + tap] ?? 0;
    // Zero weights also stand for positions beyond the end.
    if (weight !== 0) sum += weight * (data[at] ?? 0);
  }
  return clamp(Math.floor(sum / ONE), 0, 255);
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}
