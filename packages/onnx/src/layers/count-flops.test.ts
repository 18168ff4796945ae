import { describe, expect, it } from 'vitest';
import { buildModel, type NodeSpec, readModel } from '../index.ts';
import { countFlops } from './count-flops.ts';
import { indexGraph, nodeAt } from './graph-index.ts';

/** Shapes of tensors that the nodes below read and write. */
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  image: [1, 8, 10, 10],
  kernel: [16, 8, 3, 3],
  grouped: [16, 2, 3, 3],
  upward: [8, 4, 2, 2],
  bias: [16],
  rows: [5, 7],
  tall: [7, 5],
  matrix: [7, 3],
  heads: [2, 4, 6, 16],
  sequence: [9, 1, 6],
  gates: [1, 80, 6],
  recurrent: [1, 80, 20],
};

function flopsOf(node: Omit<NodeSpec, 'outputs'>, shape: readonly number[]): number {
  const bytes = buildModel({
    opset: 17,
    domains: { my: 1 },
    inputs: [],
    outputs: [],
    nodes: [{ ...node, outputs: ['y'] }],
  });
  const shapes = Object.entries({ ...SHAPES, y: shape });
  const types = new Map(shapes.map(([name, size]) => [name, { type: 'float32' as const, shape: size }]));
  const { nodes } = readModel(bytes).graph;
  const index = indexGraph({ nodes, constants: new Map(), inputs: [], outputs: [] }, types);
  return countFlops(index, nodeAt(index, 0));
}

describe('countFlops()', () => {
  it.each<[text: string, node: Omit<NodeSpec, 'outputs'>, shape: readonly number[], flops: number]>([
    ['a convolution', { op: 'Conv', inputs: ['image', 'kernel'] }, [1, 16, 8, 8], 2 * 1024 * 8 * 9],
    ['one with bias', { op: 'Conv', inputs: ['image', 'kernel', 'bias'] }, [1, 16, 8, 8], 1024 * (2 * 8 * 9 + 1)],
    [
      'one of integers, with a zero point',
      { op: 'ConvInteger', inputs: ['image', 'kernel', 'zero'] },
      [1, 16, 8, 8],
      2 * 1024 * 72,
    ],
    ['one in groups', { op: 'Conv', inputs: ['image', 'grouped'] }, [1, 16, 8, 8], 2 * 1024 * 2 * 9],
    ['a transposed one', { op: 'ConvTranspose', inputs: ['image', 'upward'] }, [1, 4, 20, 20], 2 * 800 * 4 * 4],
    ['its bias', { op: 'ConvTranspose', inputs: ['image', 'upward', 'bias'] }, [1, 4, 20, 20], 2 * 800 * 16 + 1600],
    ['a Gemm', { op: 'Gemm', inputs: ['rows', 'matrix'] }, [5, 3], 2 * 15 * 7],
    [
      'a turned one with bias',
      { op: 'Gemm', inputs: ['tall', 'matrix', 'bias'], attributes: { transA: 1 } },
      [5, 3],
      225,
    ],
    ['a batch of products', { op: 'MatMul', inputs: ['heads', 'heads'] }, [2, 4, 6, 6], 2 * 288 * 16],
    [
      'the same as an Einsum',
      { op: 'Einsum', inputs: ['heads', 'heads'], attributes: { equation: 'bhid, bhjd -> bhij' } },
      [2, 4, 6, 6],
      2 * 288 * 16,
    ],
    [
      'also with an ellipsis',
      { op: 'Einsum', inputs: ['heads', 'heads'], attributes: { equation: '...id,...jd->...ij' } },
      [2, 4, 6, 6],
      2 * 288 * 16,
    ],
    ['a pool', { op: 'MaxPool', inputs: ['image'], attributes: { kernel_shape: [3, 2] } }, [1, 8, 4, 4], 128 * 6],
    ['a global one', { op: 'GlobalAveragePool', inputs: ['image'] }, [1, 8, 1, 1], 800],
    [
      'an LSTM',
      { op: 'LSTM', inputs: ['sequence', 'gates', 'recurrent'], attributes: { hidden_size: 20 } },
      [9, 1, 1, 20],
      9 * (2 * (480 + 1600) + 4 * 20 * 8),
    ],
    ['what only moves', { op: 'Transpose', inputs: ['image'] }, [10, 10, 8, 1], 0],
    ['one operation an element', { op: 'Relu', inputs: ['image'] }, [1, 8, 10, 10], 800],
    ['an operator of another domain', { op: 'constructor', domain: 'my', inputs: ['image'] }, [1, 8, 10, 10], 800],
  ])('counts %s', (_, node, shape, flops) => {
    expect(flopsOf(node, shape)).toBe(flops);
  });
});
