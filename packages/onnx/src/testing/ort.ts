import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { OptimizationLevel, PackedModel, SegmentModel, ShapeInference } from '../manifest.ts';
import type { Bytes } from '../proto/model.ts';

/** Values by tensor name. */
export type Feeds = Readonly<Record<string, Tensor>>;

/** Shapes by onnxruntime-node: creates a session and reads its metadata. */
export const inferWithOrt: ShapeInference = async (model) => {
  const session = await InferenceSession.create(model, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const values = session.outputMetadata.flatMap((value) =>
    value.isTensor ? [{ name: value.name, type: value.type, shape: value.shape }] : [],
  );
  await session.release();
  return values;
};

/** Runs a self-contained model once. */
export async function runModel(bytes: Bytes, feeds: Feeds, level: OptimizationLevel | 'disabled'): Promise<Feeds> {
  const session = await InferenceSession.create(bytes, { graphOptimizationLevel: level, logSeverityLevel: 4 });
  const outputs = await session.run(feeds);
  await session.release();
  return outputs;
}

/** Runs a segment whose weights were located at their ids. */
export async function runSegment(packed: PackedModel, segment: SegmentModel, known: Feeds): Promise<Feeds> {
  const session = await InferenceSession.create(segment.bytes, {
    graphOptimizationLevel: packed.manifest.level,
    logSeverityLevel: 4,
    externalData: [...new Set(segment.weights.map((weight) => weight.id))].map((id) => ({
      path: id,
      data: packed.weights.get(id) ?? new Uint8Array(0),
    })),
  });
  const feeds = Object.fromEntries(segment.inputs.map(({ name }) => [name, known[name] as Tensor]));
  const outputs = await session.run(feeds);
  await session.release();
  return outputs;
}

/** Seeded uniform values in [-1, 1) for float inputs, small integers for others. */
export function randomFeeds(packed: PackedModel, seed: number): Feeds {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const inputs = packed.manifest.tensors.filter((tensor) => tensor.isInput);
  return Object.fromEntries(
    inputs.map(({ name, type, shape }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const values = Array.from({ length: count }, next);
      if (type === 'float32')
        return [
          name,
          new Tensor(
            'float32',
            Float32Array.from(values, (v) => 2 * v - 1),
            shape,
          ),
        ];
      if (type === 'int64')
        return [
          name,
          new Tensor(
            'int64',
            BigInt64Array.from(values, (v) => BigInt(Math.floor(v * 8))),
            shape,
          ),
        ];
      if (type === 'float16')
        return [
          name,
          new Tensor(
            'float16',
            Uint16Array.from(values, (v) => 0x3800 + Math.floor(v * 0x3ff)),
            shape,
          ),
        ];
      if (type === 'uint8')
        return [
          name,
          new Tensor(
            'uint8',
            Uint8Array.from(values, (v) => v * 256),
            shape,
          ),
        ];
      if (type === 'bool')
        return [
          name,
          new Tensor(
            'bool',
            Uint8Array.from(values, (v) => Math.round(v)),
            shape,
          ),
        ];
      throw new TypeError(`No random values of type ${type}`);
    }),
  );
}

/** The raw bytes of a tensor. */
export function bytesOf(tensor: Tensor | undefined): Buffer {
  const data = tensor?.data as Float32Array;
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** Largest |a − b| over the largest |b|. */
export function relativeDistance(a: Tensor | undefined, b: Tensor | undefined): number {
  const left = Array.from(a?.data as Float32Array, Number);
  const right = Array.from(b?.data as Float32Array, Number);
  let scale = 0;
  let distance = 0;
  right.forEach((value, index) => {
    scale = Math.max(scale, Math.abs(value));
    distance = Math.max(distance, Math.abs(value - (left[index] ?? Number.NaN)));
  });
  return distance / (scale || 1);
}
