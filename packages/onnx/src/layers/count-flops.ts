import { intAttribute, intsAttribute, stringAttribute } from '../fold/attributes.ts';
import { countOf } from '../fold/constant-data.ts';
import type { OnnxNode } from '../proto/model.ts';
import { type GraphIndex, shapeOf } from './graph-index.ts';

/** An exponential or the like, in floating-point operations. */
const TRANSCENDENTAL = 8;

/** Operators that move elements and compute nothing. */
const MOVES: readonly string[] = [
  'Cast',
  'Concat',
  'ConstantOfShape',
  'DepthToSpace',
  'Expand',
  'Flatten',
  'Gather',
  'GatherElements',
  'GatherND',
  'Identity',
  'Pad',
  'Reshape',
  'ScatterElements',
  'ScatterND',
  'Shape',
  'Size',
  'Slice',
  'SpaceToDepth',
  'Split',
  'Squeeze',
  'Tile',
  'Transpose',
  'Unsqueeze',
];

/** Operations per output element of elementwise operators; 1 for those not named. */
const PER_ELEMENT: Readonly<Record<string, number>> = {
  Elu: TRANSCENDENTAL,
  Erf: TRANSCENDENTAL,
  Exp: TRANSCENDENTAL,
  Gelu: TRANSCENDENTAL + 4,
  Log: TRANSCENDENTAL,
  Mish: 2 * TRANSCENDENTAL,
  Pow: TRANSCENDENTAL,
  Selu: TRANSCENDENTAL,
  Sigmoid: TRANSCENDENTAL,
  Softplus: TRANSCENDENTAL,
  Tanh: TRANSCENDENTAL,
  Softmax: TRANSCENDENTAL + 4,
  LogSoftmax: TRANSCENDENTAL + 4,
  BatchNormalization: 2,
  InstanceNormalization: 8,
  GroupNormalization: 8,
  LayerNormalization: 8,
  HardSigmoid: 3,
  HardSwish: 4,
  DequantizeLinear: 2,
  QuantizeLinear: 3,
};

/** One node, with the shapes of its first input and its first output. */
interface CountedNode {
  readonly index: GraphIndex;
  readonly node: OnnxNode;
  readonly input: readonly number[];
  readonly output: readonly number[];
}

type Count = (counted: CountedNode) => number;

const conv: Count = ({ index, node, output }) =>
  convFlops(countOf(output), weightShape(index, node, 1)) + bias(node, output);
const product: Count = ({ input, output }) => 2 * countOf(output) * (input.at(-1) ?? 1);
const pool: Count = ({ node, output }) => countOf(output) * countOf(intsAttribute(node, 'kernel_shape') ?? []);
const resize: Count = ({ node, output }) =>
  stringAttribute(node, 'mode', 'nearest') === 'nearest' ? 0 : TRANSCENDENTAL * countOf(output);

/** Operators that are more than so many operations an element. */
const COUNTS: ReadonlyMap<string, Count> = new Map<string, Count>([
  ...MOVES.map((op): [string, Count] => [op, () => 0]),
  ['Conv', conv],
  ['ConvInteger', ({ index, node, output }) => convFlops(countOf(output), weightShape(index, node, 1))],
  [
    'QLinearConv',
    ({ index, node, output }) => convFlops(countOf(output), weightShape(index, node, 3)) + bias(node, output, 8),
  ],
  [
    'ConvTranspose',
    ({ index, node, input, output }) => convFlops(countOf(input), weightShape(index, node, 1)) + bias(node, output),
  ],
  [
    'Gemm',
    ({ node, input, output }) =>
      2 * countOf(output) * (input[intAttribute(node, 'transA', 0) === 0 ? 1 : 0] ?? 1) + bias(node, output),
  ],
  ['MatMul', product],
  ['MatMulInteger', product],
  ['QLinearMatMul', product],
  ['Einsum', einsumFlops],
  ['MaxPool', pool],
  ['AveragePool', pool],
  ['LpPool', pool],
  ['LRN', ({ node, output }) => countOf(output) * (2 * intAttribute(node, 'size', 1) + 2 * TRANSCENDENTAL)],
  ['Resize', resize],
  ['Upsample', resize],
  ['LSTM', ({ index, node }) => recurrentFlops(index, node, 4)],
  ['GRU', ({ index, node }) => recurrentFlops(index, node, 3)],
  ['RNN', ({ index, node }) => recurrentFlops(index, node, 1)],
]);

/**
 * Floating-point operations of one node: a multiply-add is two. Convolutions and products exactly; others by operations per
 * element, good enough to tell cheap from dear; 0 where only elements move.
 */
export function countFlops(index: GraphIndex, node: OnnxNode): number {
  const input = shapeOf(index, node.inputs[0]) ?? [];
  const first = node.outputs.find((name) => name !== '');
  const count = node.domain === '' ? COUNTS.get(node.op) : undefined;
  if (count !== undefined) return count({ index, node, input, output: shapeOf(index, first) ?? [] });
  if (/^(Reduce|Global|Arg)/.test(node.op)) return countOf(input);
  const outputs = node.outputs.reduce((sum, name) => sum + countOf(shapeOf(index, name) ?? [0]), 0);
  return outputs * (Object.hasOwn(PER_ELEMENT, node.op) ? (PER_ELEMENT[node.op] ?? 1) : 1);
}

function weightShape(index: GraphIndex, node: OnnxNode, at: number): readonly number[] {
  return shapeOf(index, node.inputs[at]) ?? [];
}

/** One addition an element of the output, if there is a bias. */
function bias(node: OnnxNode, output: readonly number[], at = 2): number {
  return (node.inputs[at] ?? '') === '' ? 0 : countOf(output);
}

/** `weight` is [out, in ÷ groups, …kernel]; for a transposed convolution [in, out ÷ groups, …kernel] over its input. */
function convFlops(elements: number, weight: readonly number[]): number {
  return 2 * elements * countOf(weight.slice(1));
}

/** A multiply-add for each element of the output and each value of the labels that it does not have. */
function einsumFlops({ index, node, output }: CountedNode): number {
  const [terms = '', result = ''] = stringAttribute(node, 'equation', '').replaceAll(' ', '').split('->');
  const summed = new Map<string, number>();
  terms.split(',').forEach((term, at) => {
    const shape = shapeOf(index, node.inputs[at]) ?? [];
    const ellipsis = term.indexOf('...');
    [...term].forEach((label, place) => {
      const axis = ellipsis >= 0 && place > ellipsis ? place - term.length : place;
      if (label !== '.' && !result.includes(label)) summed.set(label, shape.at(axis) ?? 1);
    });
  });
  return 2 * countOf(output) * countOf([...summed.values()]);
}

function recurrentFlops(index: GraphIndex, node: OnnxNode, gates: number): number {
  const [steps = 1, batch = 1] = shapeOf(index, node.inputs[0]) ?? [];
  const weights = countOf(shapeOf(index, node.inputs[1]) ?? [0]) + countOf(shapeOf(index, node.inputs[2]) ?? [0]);
  const hidden = intAttribute(node, 'hidden_size', 1);
  return steps * batch * (2 * weights + gates * hidden * TRANSCENDENTAL);
}
