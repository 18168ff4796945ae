import type { Tensor, TensorMap } from '@d3/tensor';
import { runtimeError } from '../errors.ts';
import { channelsOf } from './raster.ts';
import { toNumbers } from './to-numbers.ts';
import type { Answer, Picture, Sidecar, SidecarOutput } from './types.ts';

/** How many classes an answer names. */
const TOP = 5;

type ClassesOutput = Extract<SidecarOutput, { kind: 'classes' }>;
type ImageOutput = Extract<SidecarOutput, { kind: 'image' }>;

/**
 * What a network's outputs mean, one answer for each output of the sidecar, in its order.
 *
 * @throws D3Error `RUNTIME_OUTPUT_UNFIT` when an output is missing or not of the size that the sidecar was checked for
 */
export function readAnswer(outputs: TensorMap, sidecar: Sidecar): readonly Answer[] {
  return sidecar.outputs.map((entry) => {
    const tensor = outputs[entry.name];
    if (tensor === undefined) throw unfit(entry, 'it is missing');
    if (entry.kind === 'classes') return readClasses(tensor, entry);
    if (entry.kind === 'image') return { kind: 'image', output: entry.name, picture: readImage(tensor, entry) };
    return { kind: 'tensor', output: entry.name, shape: tensor.shape };
  });
}

function readClasses(tensor: Tensor, entry: ClassesOutput): Answer {
  const values = toNumbers(tensor);
  if (values.length !== entry.labels.length) {
    throw unfit(entry, `it has ${values.length} values for ${entry.labels.length} labels`);
  }
  const scores = entry.scores === 'logits' ? softmax(values) : values;
  const top = scores
    .map((score, index) => ({ index, label: entry.labels[index] ?? '', score: Number.isNaN(score) ? 0 : score }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, TOP);
  return {
    kind: 'classes',
    output: entry.name,
    top,
    unsure: (top[0]?.score ?? 0) < (entry.minimumProbability ?? 0),
  };
}

/** For showing only: the exponential's last bits may differ between engines. */
function softmax(logits: readonly number[]): number[] {
  const most = logits.reduce((max, logit) => Math.max(max, logit), -Infinity);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function readImage(tensor: Tensor, entry: ImageOutput): Picture {
  const channels = channelsOf(entry.color);
  const [height, width] = tensor.shape.slice(-2);
  const values = toNumbers(tensor);
  if (height === undefined || width === undefined || values.length !== height * width * channels) {
    throw unfit(entry, `its shape [${tensor.shape}] is not that of a picture in ${entry.color}`);
  }
  const area = height * width;
  const planes = channels === 1 ? [0, 0, 0] : entry.color === 'BGR' ? [2, 1, 0] : [0, 1, 2];
  const [low, high] = entry.range;
  const rgba = new Uint8ClampedArray(area * 4);
  for (let position = 0; position < area; position++) {
    planes.forEach((plane, channel) => {
      rgba[4 * position + channel] = (((values[plane * area + position] ?? 0) - low) / (high - low)) * 255;
    });
    rgba[4 * position + 3] = 255;
  }
  return { width, height, rgba };
}

function unfit(entry: SidecarOutput, reason: string): Error {
  return runtimeError('RUNTIME_OUTPUT_UNFIT', { output: entry.name, reason });
}
