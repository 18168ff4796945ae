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

/**
 * Floating-point operations of one node: a multiply-add is two. Convolutions and products exactly; others by operations per
 * element, good enough to tell cheap from dear; 0 where only elements move.
 */
export function countFlops(index: GraphIndex, node: OnnxNode): number {
  const input = shapeOf(index, node.inputs[0]) ?? [];
  const output =
    shapeOf(
      index,
      node.outputs.find((name) => name !== ''),
    ) ?? [];
  const outputs = node.outputs.reduce((sum, name) => sum + countOf(shapeOf(index, name) ?? [0]), 0);
  if (node.domain === '' && MOVES.includes(node.op)) return 0;
  switch (node.op) {
    case 'Conv':
    case 'ConvInteger':
      return convFlops(countOf(output), shapeOf(index, node.inputs[1]) ?? [], hasInput(node, 2));
    case 'QLinearConv':
      return convFlops(countOf(output), shapeOf(index, node.inputs[3]) ?? [], hasInput(node, 8));
    case 'ConvTranspose':
      return convFlops(countOf(input), shapeOf(index, node.inputs[1]) ?? [], false) + countOf(output);
    case 'Gemm':
      return 2 * countOf(output) * (input[intAttribute(node, 'transA', 0) === 0 ? 1 : 0] ?? 1) + countOf(output);
    case 'MatMul':
    case 'MatMulInteger':
    case 'QLinearMatMul':
      return 2 * countOf(output) * (input.at(-1) ?? 1);
    case 'MaxPool':
    case 'AveragePool':
    case 'LpPool':
      return countOf(output) * countOf(intsAttribute(node, 'kernel_shape') ?? []);
    case 'LRN':
      return countOf(output) * (2 * intAttribute(node, 'size', 1) + 2 * TRANSCENDENTAL);
    case 'Resize':
    case 'Upsample':
      return stringAttribute(node, 'mode', 'nearest') === 'nearest' ? 0 : TRANSCENDENTAL * countOf(output);
    case 'LSTM':
      return recurrentFlops(index, node, 4);
    case 'GRU':
      return recurrentFlops(index, node, 3);
    case 'RNN':
      return recurrentFlops(index, node, 1);
    default:
      if (/^(Reduce|Global|Arg)/.test(node.op)) return countOf(input);
      return outputs * (Object.hasOwn(PER_ELEMENT, node.op) ? (PER_ELEMENT[node.op] ?? 1) : 1);
  }
}

function hasInput(node: OnnxNode, at: number): boolean {
  return (node.inputs[at] ?? '') !== '';
}

/** `weight` is [out, in ÷ groups, …kernel]; for a transposed convolution [in, out ÷ groups, …kernel] over its input. */
function convFlops(elements: number, weight: readonly number[], hasBias: boolean): number {
  return elements * (2 * countOf(weight.slice(1)) + (hasBias ? 1 : 0));
}

function recurrentFlops(index: GraphIndex, node: OnnxNode, gates: number): number {
  const [steps = 1, batch = 1] = shapeOf(index, node.inputs[0]) ?? [];
  const weights = countOf(shapeOf(index, node.inputs[1]) ?? [0]) + countOf(shapeOf(index, node.inputs[2]) ?? [0]);
  const hidden = intAttribute(node, 'hidden_size', 1);
  return steps * batch * (2 * weights + gates * hidden * TRANSCENDENTAL);
}
