import { buildModel, type InitializerSpec, type NodeSpec } from '../build/build-model.ts';
import type { Bytes } from '../proto/model.ts';
import { chain, decomposedTransformer, floats, ints, weight } from './toy-graphs.ts';

const conv = (input: string, kernel: string, output: string): NodeSpec => ({
  op: 'Conv',
  inputs: [input, kernel],
  outputs: [output],
  attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
});

const int8 = (name: string, shape: readonly number[]): InitializerSpec => {
  const count = shape.reduce((product, size) => product * size, 1);
  return { name, type: 'int8', shape, data: Int8Array.from({ length: count }, (_, at) => ((at * 37) % 251) - 125) };
};

/** Float16 kernels: bit patterns of values around ±0.1. */
const half = (name: string): InitializerSpec => {
  const data = Uint16Array.from({ length: 576 }, (_, at) => 0x2c00 + ((at * 397) % 1024) + (at % 3 === 0 ? 0x8000 : 0));
  return { name, type: 'float16', shape: [8, 8, 3, 3], data };
};

/** Scale and zero point of quantised graphs. */
const quantisation: readonly InitializerSpec[] = [
  floats('s', [], [0.02]),
  { name: 'z', type: 'uint8', shape: [], data: Uint8Array.of(128) },
  floats('ws', [], [0.01]),
  { name: 'wz', type: 'int8', shape: [], data: Int8Array.of(0) },
  int8('w1', [8, 8, 3, 3]),
  int8('w2', [8, 8, 3, 3]),
];

const halfNet = (): Bytes =>
  buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: 'float16', shape: [1, 8, 16, 16] }],
    outputs: [{ name: 'y' }],
    nodes: [
      conv('x', 'w1', 'a'),
      { op: 'Relu', inputs: ['a'], outputs: ['b'] },
      conv('b', 'w2', 'c'),
      { op: 'Sigmoid', inputs: ['c'], outputs: ['d'] },
      { op: 'MaxPool', inputs: ['d'], outputs: ['e'], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
      conv('e', 'w3', 'f'),
      { op: 'Tanh', inputs: ['f'], outputs: ['g'] },
      { op: 'Mul', inputs: ['g', 'e'], outputs: ['h'] },
      { op: 'Exp', inputs: ['h'], outputs: ['k'] },
      { op: 'Add', inputs: ['k', 'e'], outputs: ['y'] },
    ],
    initializers: [half('w1'), half('w2'), half('w3')],
  });

const requantised = (input: string, output: string): readonly NodeSpec[] => [
  { op: 'QuantizeLinear', inputs: [input, 's', 'z'], outputs: [`${output}.q`] },
  { op: 'DequantizeLinear', inputs: [`${output}.q`, 's', 'z'], outputs: [output] },
];

const quantisedNet = (): Bytes =>
  chain(
    [1, 8, 16, 16],
    [
      ...requantised('x', 'x0'),
      { op: 'DequantizeLinear', inputs: ['w1', 'ws', 'wz'], outputs: ['w1f'] },
      conv('x0', 'w1f', 'a'),
      ...requantised('a', 'a0'),
      { op: 'Relu', inputs: ['a0'], outputs: ['b'] },
      ...requantised('b', 'b0'),
      { op: 'DequantizeLinear', inputs: ['w2', 'ws', 'wz'], outputs: ['w2f'] },
      conv('b0', 'w2f', 'c'),
      { op: 'Add', inputs: ['c', 'b0'], outputs: ['d'] },
      ...requantised('d', 'd0'),
      { op: 'GlobalAveragePool', inputs: ['d0'], outputs: ['y'] },
    ],
    { initializers: quantisation },
  );

const integerNet = (): Bytes => {
  const quantised = (input: string, output: string): NodeSpec => ({
    op: 'QLinearConv',
    inputs: [input, 's', 'z', 'w1', 'ws', 'wz', 's', 'z'],
    outputs: [output],
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
  });
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: 'uint8', shape: [1, 8, 16, 16] }],
    outputs: [{ name: 'y' }],
    nodes: [
      quantised('x', 'a'),
      { op: 'MaxPool', inputs: ['a'], outputs: ['b'], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
      quantised('b', 'c'),
      { op: 'DequantizeLinear', inputs: ['c', 's', 'z'], outputs: ['y'] },
    ],
    initializers: quantisation.filter(({ name }) => name !== 'w2'),
  });
};

const activationNet = (): Bytes =>
  chain(
    [1, 8, 16, 16],
    [
      conv('x', 'w1', 'a'),
      { op: 'Sigmoid', inputs: ['a'], outputs: ['s'] },
      { op: 'Mul', inputs: ['a', 's'], outputs: ['b'] },
      { op: 'Pad', inputs: ['b', 'pads'], outputs: ['f'] },
      { op: 'Conv', inputs: ['f', 'w3'], outputs: ['g'], attributes: { strides: [2, 2] } },
      { op: 'BatchNormalization', inputs: ['g', 'scale', 'bias', 'mean', 'variance'], outputs: ['h'] },
      { op: 'Clip', inputs: ['h', 'low', 'high'], outputs: ['y'] },
    ],
    {
      initializers: [
        weight('w1', [8, 8, 3, 3], 0.1),
        weight('w3', [8, 8, 3, 3], 0.1),
        ints('pads', [0, 0, 1, 1, 0, 0, 1, 1]),
        floats('low', [], [-3]),
        floats('high', [], [6]),
        floats('scale', [8], [1, 2, 3, 4, 5, 6, 7, 8]),
        weight('bias', [8]),
        weight('mean', [8]),
        floats('variance', [8], [1, 2, 3, 4, 5, 6, 7, 8]),
      ],
    },
  );

const productNet = (): Bytes =>
  chain(
    [5, 32],
    [
      { op: 'MatMul', inputs: ['x', 'wa'], outputs: ['a'] },
      { op: 'MatMul', inputs: ['x', 'wb'], outputs: ['b'] },
      { op: 'Add', inputs: ['a', 'b'], outputs: ['c'] },
      { op: 'Relu', inputs: ['c'], outputs: ['d'] },
      { op: 'MatMul', inputs: ['d', 'wc'], outputs: ['e'] },
      { op: 'Add', inputs: ['e', 'x'], outputs: ['f'] },
      { op: 'Transpose', inputs: ['f'], outputs: ['g'] },
      { op: 'Gemm', inputs: ['wd', 'g', 'bb'], outputs: ['h'] },
      { op: 'Tanh', inputs: ['h'], outputs: ['y'] },
    ],
    {
      initializers: [
        weight('wa', [32, 32], 0.2),
        weight('wb', [32, 32], 0.2),
        weight('wc', [32, 32], 0.2),
        weight('wd', [16, 32], 0.2),
        weight('bb', [16, 1]),
      ],
    },
  );

const channelsLastNet = (): Bytes =>
  chain(
    [1, 16, 16, 3],
    [
      { op: 'Transpose', inputs: ['x'], outputs: ['a'], attributes: { perm: [0, 3, 1, 2] } },
      conv('a', 'w1', 'b'),
      { op: 'Transpose', inputs: ['b'], outputs: ['c'], attributes: { perm: [0, 2, 3, 1] } },
      { op: 'ReduceMean', inputs: ['c'], outputs: ['m'], attributes: { axes: [1, 2] } },
      { op: 'Mul', inputs: ['c', 'm'], outputs: ['d'] },
      { op: 'Softmax', inputs: ['d'], outputs: ['e'], attributes: { axis: -1 } },
      { op: 'Transpose', inputs: ['e'], outputs: ['f'], attributes: { perm: [0, 3, 1, 2] } },
      conv('f', 'w2', 'h'),
      { op: 'Transpose', inputs: ['h'], outputs: ['y'], attributes: { perm: [0, 2, 3, 1] } },
    ],
    { initializers: [weight('w1', [8, 3, 3, 3], 0.2), weight('w2', [8, 8, 3, 3], 0.2)] },
  );

/** An If whose branches read tensors and weights from around it. */
export const conditionalNet = (): Bytes => {
  const branch = (node: NodeSpec) => ({
    graph: { nodes: [node], inputs: [], outputs: [{ name: node.outputs[0] ?? '' }] },
  });
  return chain(
    [4, 8],
    [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['a'] },
      { op: 'ReduceSum', inputs: ['a'], outputs: ['r'], attributes: { keepdims: 0 } },
      { op: 'Greater', inputs: ['r', 'zero'], outputs: ['c'] },
      {
        op: 'If',
        inputs: ['c'],
        outputs: ['i'],
        attributes: {
          then_branch: branch({ op: 'Add', inputs: ['a', 'x'], outputs: ['t'] }),
          else_branch: branch({ op: 'MatMul', inputs: ['a', 'w2'], outputs: ['e'] }),
        },
      },
      { op: 'Relu', inputs: ['i'], outputs: ['y'] },
    ],
    { initializers: [weight('w', [8, 8], 0.3), weight('w2', [8, 8], 0.3), floats('zero', [], [0])] },
  );
};

const loopNet = (): Bytes => {
  const state = [
    { name: 'turn', type: 'int64', shape: [] },
    { name: 'on', type: 'bool', shape: [] },
    { name: 'v', type: 'float32', shape: [4, 8] },
  ] as const;
  const body = {
    nodes: [
      { op: 'MatMul', inputs: ['v', 'w'], outputs: ['m'] },
      { op: 'Add', inputs: ['m', 'a'], outputs: ['next'] },
      { op: 'Identity', inputs: ['on'], outputs: ['go'] },
    ],
    inputs: state,
    outputs: [
      { name: 'go', type: 'bool', shape: [] },
      { name: 'next', type: 'float32', shape: [4, 8] },
    ],
  } as const;
  return chain(
    [4, 8],
    [
      { op: 'Relu', inputs: ['x'], outputs: ['a'] },
      { op: 'Loop', inputs: ['turns', '', 'a'], outputs: ['l'], attributes: { body: { graph: body } } },
      { op: 'Tanh', inputs: ['l'], outputs: ['y'] },
    ],
    {
      initializers: [weight('w', [8, 8], 0.2), { name: 'turns', type: 'int64', shape: [], data: BigInt64Array.of(3n) }],
    },
  );
};

/** A batch dimension that the graph computes with. */
export const shapeArithmeticNet = (): Bytes =>
  chain(
    ['N', 3, 8, 8],
    [
      { op: 'Shape', inputs: ['x'], outputs: ['s'] },
      { op: 'Gather', inputs: ['s', 'zero'], outputs: ['n'] },
      { op: 'Unsqueeze', inputs: ['n', 'axis'], outputs: ['n1'] },
      { op: 'Concat', inputs: ['n1', 'rest'], outputs: ['t'], attributes: { axis: 0 } },
      { op: 'Reshape', inputs: ['x', 't'], outputs: ['f'] },
      { op: 'MatMul', inputs: ['f', 'w'], outputs: ['g'] },
      { op: 'Add', inputs: ['g', 'b'], outputs: ['y'] },
    ],
    {
      initializers: [
        { name: 'zero', type: 'int64', shape: [], data: BigInt64Array.of(0n) },
        ints('axis', [0]),
        ints('rest', [-1]),
        weight('w', [192, 10], 0.1),
        weight('b', [10]),
      ],
    },
  );

const branchNet = (): Bytes =>
  chain(
    [1, 8, 8, 8],
    [
      { op: 'Split', inputs: ['x'], outputs: ['a', 'b'], attributes: { axis: 1 } },
      conv('a', 'w', 'c'),
      { op: 'Relu', inputs: ['b'], outputs: ['d'] },
      { op: 'Add', inputs: ['c', 'd'], outputs: ['e'] },
      { op: 'Concat', inputs: ['e', 'a'], outputs: ['f'], attributes: { axis: 1 } },
      { op: 'Relu', inputs: ['f'], outputs: ['y'] },
    ],
    { initializers: [weight('w', [4, 4, 3, 3], 0.2)], outputs: [{ name: 'y' }, { name: 'd' }] },
  );

/** Tensors that no hop can carry: float64, and a shape that depends on the data. */
const uncarriedNet = (): Bytes =>
  chain(
    [4, 8],
    [
      { op: 'Cast', inputs: ['x'], outputs: ['a'], attributes: { to: 11 } },
      { op: 'Exp', inputs: ['a'], outputs: ['b'] },
      { op: 'Cast', inputs: ['b'], outputs: ['c'], attributes: { to: 1 } },
      { op: 'Relu', inputs: ['c'], outputs: ['d'] },
      { op: 'NonZero', inputs: ['d'], outputs: ['n'] },
      { op: 'Transpose', inputs: ['n'], outputs: ['nt'] },
      { op: 'GatherND', inputs: ['d', 'nt'], outputs: ['v'] },
      { op: 'ReduceSum', inputs: ['v'], outputs: ['s'], attributes: { keepdims: 0 } },
      { op: 'Mul', inputs: ['d', 's'], outputs: ['y'] },
    ],
  );

/** An operator on constants that D3 does not compute, read by two layers. */
const constantOperatorNet = (): Bytes =>
  chain(
    [1, 8],
    [
      { op: 'Exp', inputs: ['k'], outputs: ['e'] },
      { op: 'Mul', inputs: ['x', 'e'], outputs: ['a'] },
      { op: 'Relu', inputs: ['a'], outputs: ['b'] },
      { op: 'Add', inputs: ['b', 'e'], outputs: ['y'] },
    ],
    { initializers: [weight('k', [8])] },
  );

/** Graphs that exercise what published models rarely have all of: [name, bytes]. */
export const ODD_GRAPHS: readonly (readonly [string, Bytes])[] = [
  ['a transformer of small operators, opset 13', decomposedTransformer(13)],
  ['a transformer of small operators, opset 17', decomposedTransformer(17)],
  ['a float16 network', halfNet()],
  ['a network of quantise and dequantise pairs', quantisedNet()],
  ['an integer network', integerNet()],
  ['activations, padding and BatchNorm', activationNet()],
  ['sums and transposes of products', productNet()],
  ['a channels-last network', channelsLastNet()],
  ['a condition', conditionalNet()],
  ['a loop', loopNet()],
  ['shape arithmetic', shapeArithmeticNet()],
  ['branches and two outputs', branchNet()],
  ['tensors that cannot cross', uncarriedNet()],
  ['an operator on constants', constantOperatorNet()],
];
