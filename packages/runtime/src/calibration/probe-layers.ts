import type { ChainLayer, ChainNode, ChainValue } from './probe-chain.ts';
import { elementsOf, type ProbeChain } from './probe-chain.ts';

/** Counts as `@d3/onnx` does: an exponential or the like. */
const TRANSCENDENTAL = 8;

/** A convolution to append, by default with a bias and a Relu after it. */
export interface ConvSpec {
  readonly out: number;
  readonly kernel: number | readonly [number, number];
  readonly stride?: number;
  /** `depthwise`: as many groups as channels. */
  readonly groups?: number | 'depthwise';
  readonly activation?: 'Relu' | 'Clip' | 'LeakyRelu' | 'none';
  /** A value of the output's shape that is added before the activation. */
  readonly plus?: ChainValue;
}

/** Appends a convolution, padded to keep the size at stride 1. */
export function conv(chain: ProbeChain, spec: ConvSpec): void {
  const { out, stride = 1, activation = 'Relu', plus } = spec;
  const kernel = typeof spec.kernel === 'number' ? ([spec.kernel, spec.kernel] as const) : spec.kernel;
  const [channels, height, width] = imageOf(chain.last);
  const groups = spec.groups === 'depthwise' ? channels : (spec.groups ?? 1);
  const pads = kernel.map((size) => (size - 1) >> 1);
  const shape = [1, out, Math.ceil(height / stride), Math.ceil(width / stride)];
  const weights = [[out, channels / groups, ...kernel], [out]];
  const attributes = { kernel_shape: kernel, pads: [...pads, ...pads], strides: [stride, stride], group: groups };
  const elements = elementsOf({ name: '', shape });
  const window = (kernel[0] * kernel[1] * channels) / groups;
  const adds = 1 + (plus === undefined ? 0 : 1) + (activation === 'none' ? 0 : 1);
  chain.add({
    kind: 'Conv',
    nodes: [
      { op: 'Conv', attributes, weights },
      ...(plus === undefined ? [] : [{ op: 'Add', also: [plus] }]),
      ...activationNodes(activation),
    ],
    inputs: [chain.last],
    shape,
    flops: elements * (2 * window + adds),
    spatial: { kernel, groups },
  });
}

function activationNodes(activation: string): ChainNode[] {
  if (activation === 'none') return [];
  if (activation === 'Clip') return [{ op: 'Clip', weights: [] }];
  if (activation === 'LeakyRelu') return [{ op: activation, attributes: { alpha: { float: 0.1 } } }];
  return [{ op: activation }];
}

/** Appends a pool over windows, or over the whole image without a kernel. */
export function pool(chain: ProbeChain, op: string, window?: { kernel: number; stride: number; pad?: number }): void {
  const [channels, height, width] = imageOf(chain.last);
  if (window === undefined) {
    const shape = [1, channels, 1, 1];
    return void chain.add({ kind: op, nodes: [{ op }], inputs: [chain.last], shape, flops: elementsOf(chain.last) });
  }
  const { kernel, stride, pad = 0 } = window;
  const side = (size: number) => Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const shape = [1, channels, side(height), side(width)];
  const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
  const flops = elementsOf({ name: '', shape }) * kernel * kernel;
  chain.add({ kind: op, nodes: [{ op, attributes }], inputs: [chain.last], shape, flops });
}

/** Appends a fully connected layer, with a Relu unless `plain`. */
export function gemm(chain: ProbeChain, out: number, plain = false): void {
  const [, width = 1] = chain.last.shape;
  const nodes: ChainNode[] = [{ op: 'Gemm', attributes: { transB: 1 }, weights: [[out, width], [out]] }];
  if (!plain) nodes.push({ op: 'Relu' });
  const flops = out * (2 * width + 1 + (plain ? 0 : 1));
  chain.add({ kind: 'Gemm', nodes, inputs: [chain.last], shape: [1, out], flops });
}

/** Appends a product with a weight and the addition of a bias, over the last axis. */
export function matMul(chain: ProbeChain, out: number): void {
  const width = chain.last.shape.at(-1) ?? 1;
  const shape = [...chain.last.shape.slice(0, -1), out];
  const nodes: ChainNode[] = [
    { op: 'MatMul', weights: [[width, out]] },
    { op: 'Add', weights: [[out]] },
  ];
  const flops = elementsOf({ name: '', shape }) * (2 * width + 1);
  chain.add({ kind: 'MatMul', nodes, inputs: [chain.last], shape, flops });
}

/** Appends the product of two values. */
export function product(chain: ProbeChain, left: ChainValue, right: ChainValue): void {
  const shape = [...left.shape.slice(0, -1), right.shape.at(-1) ?? 1];
  const flops = 2 * elementsOf({ name: '', shape }) * (left.shape.at(-1) ?? 1);
  chain.add({ kind: 'MatMul', nodes: [{ op: 'MatMul' }], inputs: [left, right], shape, flops });
}

const PER_ELEMENT: Readonly<Record<string, number>> = {
  Sigmoid: TRANSCENDENTAL,
  Tanh: TRANSCENDENTAL,
  Erf: TRANSCENDENTAL,
  Softmax: TRANSCENDENTAL + 4,
};

/** Appends an operator on each element, of one value or of several alike. */
export function elementwise(
  chain: ProbeChain,
  op: string,
  { beside = [], attributes }: { readonly beside?: readonly ChainValue[] } & Pick<ChainNode, 'attributes'> = {},
): void {
  const { last } = chain;
  const flops = elementsOf(last) * (PER_ELEMENT[op] ?? 1);
  const nodes = [{ op, ...(attributes && { attributes }) }];
  chain.add({ kind: op, nodes, inputs: [last, ...beside], shape: last.shape, flops });
}

/** Appends a normalisation over the last axis. */
export function layerNorm(chain: ProbeChain): void {
  const { last } = chain;
  const width = last.shape.at(-1) ?? 1;
  const node = { op: 'LayerNormalization', attributes: { axis: -1 }, weights: [[width], [width]] };
  chain.add({
    kind: 'LayerNormalization',
    nodes: [node],
    inputs: [last],
    shape: last.shape,
    flops: 8 * elementsOf(last),
  });
}

/** Appends the joining of values along the channels. */
export function concat(chain: ProbeChain, values: readonly ChainValue[]): void {
  const channels = values.reduce((sum, { shape }) => sum + (shape[1] ?? 0), 0);
  const shape = [1, channels, ...(values[0]?.shape.slice(2) ?? [])];
  chain.add({ kind: 'Concat', nodes: [{ op: 'Concat', attributes: { axis: 1 } }], inputs: values, shape, flops: 0 });
}

/** Appends an exchange of axes. */
export function transpose(chain: ProbeChain, order: readonly number[]): void {
  const shape = order.map((axis) => chain.last.shape[axis] ?? 1);
  chain.add(move('Transpose', chain.last, shape, { perm: order }));
}

function move(
  op: string,
  value: ChainValue,
  shape: readonly number[],
  attributes: ChainNode['attributes'],
): ChainLayer {
  return { kind: op, nodes: [{ op, ...(attributes && { attributes }) }], inputs: [value], shape, flops: 0 };
}

/** Appends the flattening of an image. */
export function flatten(chain: ProbeChain): void {
  chain.add(move('Flatten', chain.last, [1, elementsOf(chain.last)], undefined));
}

function imageOf({ shape }: ChainValue): [channels: number, height: number, width: number] {
  return [shape[1] ?? 1, shape[2] ?? 1, shape[3] ?? 1];
}
