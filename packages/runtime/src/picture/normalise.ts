import { elementCount, makeTensor, type Tensor } from '@d3/tensor';
import { runtimeError } from '../errors.ts';
import { pixelShape } from './pixels-of.ts';
import type { SidecarInput } from './types.ts';

/**
 * Pixels as the network reads them: value = (pixel mapped from 0…255 onto `range`, − mean) / std, per channel, each rounded once
 * to float32. `mean` and `std` are in the order of the input's own channels, BGR for a BGR input; one value serves all.
 *
 * @param pixels - from {@link pixelsOf}, here or on another tier
 * @returns float32, [1, channels, height, width] or [1, height, width, channels] as the input's layout says
 * @throws D3Error `RUNTIME_INPUT_UNFIT` when the pixels are not of the input's size
 */
export function normalise(pixels: Tensor, input: SidecarInput): Tensor {
  if (input.kind === 'tensor') {
    throw runtimeError('RUNTIME_INPUT_UNFIT', { input: input.name, reason: 'it is a plain tensor: give its values' });
  }
  const shape = pixelShape(input);
  if (pixels.type !== 'uint8' || pixels.shape.join() !== shape.join() || pixels.bytes.length !== elementCount(shape)) {
    const reason = `its pixels are ${pixels.type} [${pixels.shape}] and must be uint8 [${shape}]`;
    throw runtimeError('RUNTIME_INPUT_UNFIT', { input: input.name, reason });
  }
  const [height, width, channels] = shape;
  const area = height * width;
  const planar = input.layout === 'NCHW';
  const values = new Float32Array(area * channels);
  for (let channel = 0; channel < channels; channel++) {
    const table = valueTable(input, channel);
    for (let position = 0; position < area; position++) {
      const from = position * channels + channel;
      values[planar ? channel * area + position : from] = table[pixels.bytes[from] ?? 0] ?? 0;
    }
  }
  return makeTensor(input.name, 'float32', planar ? [1, channels, height, width] : [1, ...shape], values);
}

/** The value of each of the 256 pixels. */
function valueTable(input: Exclude<SidecarInput, { kind: 'tensor' }>, channel: number): Float32Array {
  const [low, high] = input.range;
  const mean = input.mean[channel] ?? input.mean[0] ?? 0;
  const std = input.std[channel] ?? input.std[0] ?? 1;
  return Float32Array.from({ length: 256 }, (_, pixel) => (low + (pixel * (high - low)) / 255 - mean) / std);
}
