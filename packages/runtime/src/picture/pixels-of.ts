import { makeTensor, type Tensor } from '@d3/tensor';
import { runtimeError } from '../errors.ts';
import { fitPicture } from './fit-picture.ts';
import { channelsOf, type Raster } from './raster.ts';
import { rasterise } from './rasterise.ts';
import { sketchFromPicture } from './sketch-from-picture.ts';
import type { Picture, SidecarInput, Strokes } from './types.ts';

/**
 * The pixels that a picture or a drawing is for an input: what crosses a hop in its place, and what {@link normalise} takes.
 * Device and server share this one path, and it gives the same bytes everywhere.
 *
 * @returns uint8, shape [height, width, channels]
 * @throws D3Error `RUNTIME_INPUT_UNFIT` for a drawing where a photo is wanted, a tensor input, or pixels that do not fit their
 * size; `RUNTIME_DRAWING_EMPTY`
 */
export function pixelsOf(source: Picture | Strokes, input: SidecarInput): Tensor {
  const { width, height, channels, data } = rasterOf(source, input);
  return makeTensor(input.name, 'uint8', [height, width, channels], data);
}

/** Shape of the pixels of an input, [height, width, channels]. */
export function pixelShape(input: Exclude<SidecarInput, { kind: 'tensor' }>): readonly [number, number, number] {
  return [input.height, input.width, channelsOf(input.color)];
}

function rasterOf(source: Picture | Strokes, input: SidecarInput): Raster {
  if (input.kind === 'tensor') throw unfit(input, 'it is a plain tensor: give its values');
  if ('strokes' in source) {
    if (input.kind === 'sketch') return rasterise(source, input);
    throw unfit(input, 'it is a picture and this is a drawing: give a picture');
  }
  checkPicture(source, input);
  return input.kind === 'sketch' ? sketchFromPicture(source, input) : fitPicture(source, input);
}

function checkPicture({ width, height, rgba }: Picture, input: SidecarInput): void {
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (whole && rgba.length === width * height * 4) return;
  throw unfit(input, `a picture of ${width}×${height} pixels does not have ${rgba.length} bytes of RGBA`);
}

function unfit(input: SidecarInput, reason: string): Error {
  return runtimeError('RUNTIME_INPUT_UNFIT', { input: input.name, reason });
}
