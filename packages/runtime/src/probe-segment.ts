import { buildModel, type InitializerSpec, type ManifestTensor, type NodeSpec } from '@d3/onnx';
import { byteLength, elementCount, makeTensor, type TensorMap } from '@d3/tensor';
import type { SegmentSpec } from './backend.ts';
import { seededFloats } from './seeded-floats.ts';

/** A float32 value of a probe. */
export interface ProbeValue {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A model that D3 makes to learn something of a backend; it carries its own seeded weights. */
export interface Probe {
  readonly id: string;
  readonly nodes: readonly NodeSpec[];
  /** Filled with seeded values around 0, scaled to keep activations near 1. */
  readonly weights: readonly ProbeValue[];
  readonly input: ProbeValue;
  readonly outputs: readonly ProbeValue[];
}

/** The probe as a segment to prepare, its weights inside. */
export function probeSegment({ id, nodes, weights, input, outputs }: Probe): SegmentSpec {
  const values = (list: readonly ProbeValue[]) =>
    list.map(({ name, shape }) => ({ name, type: 'float32' as const, shape }));
  const model = {
    bytes: buildModel({
      opset: 17,
      nodes,
      inputs: values([input]),
      outputs: values(outputs),
      initializers: weights.map(seededWeight),
    }),
    inputs: [boundaryValue(input, true)],
    outputs: outputs.map((output) => boundaryValue(output, false)),
    weights: [],
  };
  return { id, model, level: 'extended', weights: { kind: 'blobs', blobs: new Map() } };
}

/** The probe's seeded input. */
export function probeInput({ input: { name, shape } }: Probe): TensorMap {
  return { [name]: makeTensor(name, 'float32', shape, seededFloats(1, elementCount(shape), 1)) };
}

function seededWeight({ name, shape }: ProbeValue, index: number): InitializerSpec {
  const fanIn = shape.length === 1 ? 1 : elementCount(shape.slice(1));
  return { name, type: 'float32', shape, data: seededFloats(index + 2, elementCount(shape), Math.sqrt(6 / fanIn)) };
}

function boundaryValue({ name, shape }: ProbeValue, isInput: boolean): ManifestTensor {
  return { name, type: 'float32', shape, bytes: byteLength('float32', shape), isInput, isOutput: !isInput };
}
