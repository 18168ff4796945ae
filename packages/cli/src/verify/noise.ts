import type { ManifestTensor } from '@d3/onnx';
import type { SidecarInput } from '@d3/runtime';
import { type ElementType, elementCount, makeTensor, type Tensor, type TensorMap, typedView } from '@d3/tensor';
import { seededRandom } from './seeded-random.ts';

/**
 * Seeded noise for every input of a network. A picture's input gets values that a picture could have (the sidecar's range and
 * normalisation), any other a normal distribution; integers are 0 … 9, booleans either.
 */
export function noiseInputs(
  inputs: readonly ManifestTensor[],
  options: { readonly seed: number; readonly sidecar?: readonly SidecarInput[] },
): TensorMap {
  const random = seededRandom(options.seed);
  return Object.fromEntries(
    inputs.map((input) => {
      const entry = options.sidecar?.find((candidate) => candidate.name === input.name);
      return [input.name, noiseTensor(input, entry, random)];
    }),
  );
}

function noiseTensor(input: ManifestTensor, entry: SidecarInput | undefined, random: () => number): Tensor {
  const tensor = makeTensor(input.name, input.type, input.shape, new Uint8Array(input.bytes));
  const count = elementCount(input.shape);
  const next = NUMBER_OF[input.type](entry, random);
  if (tensor.type === 'int64') {
    const view = typedView({ ...tensor, type: 'int64' });
    for (let index = 0; index < count; index++) view[index] = BigInt(next());
  } else {
    const view = typedView({ ...tensor, type: tensor.type });
    for (let index = 0; index < count; index++) view[index] = next();
  }
  return tensor;
}

type Source = (entry: SidecarInput | undefined, random: () => number) => () => number;

const digit: Source = (_, random) => () => Math.floor(random() * 10);

const NUMBER_OF: Readonly<Record<ElementType, Source>> = {
  float32: (entry, random) => (entry === undefined || entry.kind === 'tensor' ? normal(random) : pixel(entry, random)),
  // A float16 pattern of a value in 0.5 … 1 with a random sign: never NaN or infinite.
  float16: (_, random) => () => (random() < 0.5 ? 0x8000 : 0) | 0x3800 | Math.floor(random() * 0x400),
  int8: digit,
  uint8: (entry, random) => () => Math.floor(random() * (entry?.kind === 'image' ? 256 : 10)),
  int32: digit,
  int64: digit,
  bool: (_, random) => () => (random() < 0.5 ? 0 : 1),
};

function pixel(entry: Exclude<SidecarInput, { kind: 'tensor' }>, random: () => number): () => number {
  const [low, high] = entry.range;
  const mean = entry.mean[0] ?? 0;
  const std = entry.std[0] ?? 1;
  return () => (low + random() * (high - low) - mean) / std;
}

function normal(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
