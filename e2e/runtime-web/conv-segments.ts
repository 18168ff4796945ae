import { buildModel, type InitializerSpec, type ManifestTensor, type NodeSpec } from '@d3/onnx';
import type { SegmentSpec } from '@d3/runtime';
import { byteLength, type ElementType, type TensorMap } from '@d3/tensor';

/** A value of the network below. */
interface Value {
  readonly name: string;
  readonly shape: readonly number[];
}

const INPUT: Value = { name: 'x', shape: [1, 3, 16, 16] };
const FIRST: Value = { name: 'a', shape: [1, 8, 16, 16] };
const SECOND: Value = { name: 'b', shape: [1, 8, 8, 8] };
const OUTPUT: Value = { name: 'y', shape: [1, 10] };
const WEIGHTS: readonly Value[] = [
  { name: 'w1', shape: [8, 3, 3, 3] },
  { name: 'w2', shape: [8, 8, 3, 3] },
  { name: 'w3', shape: [10, 8] },
];
const NODES: readonly NodeSpec[] = [
  { op: 'Conv', inputs: ['x', 'w1'], outputs: ['c1'], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
  { op: 'Relu', inputs: ['c1'], outputs: ['a'] },
  {
    op: 'Conv',
    inputs: ['a', 'w2'],
    outputs: ['c2'],
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] },
  },
  { op: 'Relu', inputs: ['c2'], outputs: ['b'] },
  { op: 'GlobalAveragePool', inputs: ['b'], outputs: ['p'] },
  { op: 'Flatten', inputs: ['p'], outputs: ['f'] },
  { op: 'Gemm', inputs: ['f', 'w3'], outputs: ['g'], attributes: { transB: 1 } },
  { op: 'Softmax', inputs: ['g'], outputs: ['y'] },
];

/** A small convolutional network, whole and as three segments, its weights in blobs of their own. */
export function convSegments(): { readonly whole: SegmentSpec; readonly parts: readonly SegmentSpec[] } {
  return {
    whole: segment('conv/whole', NODES, [INPUT, OUTPUT]),
    parts: [
      segment('conv/1', NODES.slice(0, 2), [INPUT, FIRST]),
      segment('conv/2', NODES.slice(2, 4), [FIRST, SECOND]),
      segment('conv/3', NODES.slice(4), [SECOND, OUTPUT]),
    ],
  };
}

/** An input of the network: different for every `seed`. */
export function convInput(seed: number): TensorMap {
  return { [INPUT.name]: { type: 'float32', shape: INPUT.shape, bytes: bytesOf(waves(768, seed)) } };
}

/** Channels and side of the heavy segment: about 0.1 s a run on one core, on the GPU that software emulates likewise. */
const HEAVY_SIZES = { wasm: [64, 56], webgpu: [32, 28] } as const;

/** Four convolutions: a run takes long enough to be noticed by a thread that it blocks. */
export function heavySegment(backend: keyof typeof HEAVY_SIZES): SegmentSpec {
  const [channels, side] = HEAVY_SIZES[backend];
  const shape = [1, channels, side, side];
  const names = ['x', 'h1', 'h2', 'h3', 'y'];
  const weight = waves(channels * channels * 9, 1);
  const bytes = buildModel({
    opset: 17,
    nodes: [1, 2, 3, 4].map((index) => ({
      op: 'Conv',
      inputs: [names[index - 1] ?? '', 'w'],
      outputs: [names[index] ?? ''],
      attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    })),
    inputs: [{ name: 'x', shape, type: 'float32' }],
    outputs: [{ name: 'y', shape, type: 'float32' }],
    initializers: [{ name: 'w', type: 'float32', shape: [channels, channels, 3, 3], data: weight }],
  });
  const values = (name: string) => [boundary({ name, type: 'float32', shape })];
  const model = { bytes, inputs: values('x'), outputs: values('y'), weights: [] };
  return { id: 'heavy', model, level: 'extended', weights: { kind: 'blobs', blobs: new Map() } };
}

/** An input of {@link heavySegment}. */
export function heavyInput(backend: keyof typeof HEAVY_SIZES): TensorMap {
  const [channels, side] = HEAVY_SIZES[backend];
  const shape = [1, channels, side, side];
  return { x: { type: 'float32', shape, bytes: bytesOf(waves(channels * side * side, 2)) } };
}

/** Every element type that crosses tiers, each handed through unchanged. */
export function passThroughSegment(types: readonly ElementType[]): SegmentSpec {
  const values = (prefix: string) => types.map((type) => ({ name: `${prefix}_${type}`, type, shape: [2, 3] }));
  const bytes = buildModel({
    opset: 17,
    nodes: types.map((type) => ({ op: 'Identity', inputs: [`in_${type}`], outputs: [`out_${type}`] })),
    inputs: values('in'),
    outputs: values('out'),
  });
  const model = { bytes, inputs: values('in').map(boundary), outputs: values('out').map(boundary), weights: [] };
  return { id: 'pass-through', model, level: 'extended', weights: { kind: 'blobs', blobs: new Map() } };
}

/** A model of an operator that no runtime has. */
export function unknownOperatorSegment(): SegmentSpec {
  return segment('unknown', [{ op: 'Frobnicate', inputs: ['x'], outputs: ['y'] }], [INPUT, OUTPUT]);
}

/** The network as shape inference gets it: weights as inputs, every tensor an output. */
export function convShapesModel(): Uint8Array<ArrayBuffer> {
  return buildModel({
    opset: 17,
    nodes: NODES,
    inputs: [INPUT, ...WEIGHTS].map((value) => ({ ...value, type: 'float32' })),
    outputs: NODES.flatMap((node) => node.outputs.map((name) => ({ name }))),
  });
}

function segment(id: string, nodes: readonly NodeSpec[], [input, output]: readonly [Value, Value]): SegmentSpec {
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const weights = WEIGHTS.filter(({ name }) => read.has(name));
  const bytes = buildModel({
    opset: 17,
    nodes,
    inputs: [{ ...input, type: 'float32' }],
    outputs: [{ ...output, type: 'float32' }],
    initializers: weights.map(externalWeight),
  });
  const blobs = new Map(weights.map((weight) => [`weights/${weight.name}`, weightBytes(weight)]));
  const model = {
    bytes,
    inputs: [boundary({ ...input, type: 'float32' })],
    outputs: [boundary({ ...output, type: 'float32' })],
    weights: [],
  };
  return { id, model, level: 'extended', weights: { kind: 'blobs', blobs } };
}

function externalWeight({ name, shape }: Value): InitializerSpec {
  const external = { path: `weights/${name}`, offset: 0, length: byteLength('float32', shape) };
  return { name, type: 'float32', shape, external };
}

function weightBytes({ name, shape }: Value): Uint8Array<ArrayBuffer> {
  return bytesOf(waves(byteLength('float32', shape) / 4, name.charCodeAt(1)));
}

function boundary({
  name,
  type,
  shape,
}: {
  name: string;
  type: ElementType;
  shape: readonly number[];
}): ManifestTensor {
  return { name, type, shape, bytes: byteLength(type, shape), isInput: false, isOutput: false };
}

function waves(count: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, index) => Math.fround(Math.sin(index * 1.7 + seed) * 0.5));
}

function bytesOf(floats: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(floats.buffer);
}
