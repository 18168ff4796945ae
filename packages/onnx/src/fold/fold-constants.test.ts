import { describe, expect, it } from 'vitest';
import { buildModel, type InitializerSpec, type NodeSpec, readModel } from '../index.ts';
import { bytesOf, runModel } from '../testing/ort.ts';
import { chain, floats, ints, weight } from '../testing/toy-graphs.ts';
import { foldConstants } from './fold-constants.ts';
import { openModel } from './open-model.ts';

const long = (name: string, shape: readonly number[], values: readonly number[]): InitializerSpec => ({
  ...ints(name, values),
  shape,
});
const int32 = (name: string, values: readonly number[]): InitializerSpec => ({
  name,
  type: 'int32',
  shape: [values.length],
  data: Int32Array.from(values),
});
const flags = (name: string, values: readonly number[]): InitializerSpec => ({
  name,
  type: 'bool',
  shape: [values.length],
  data: Uint8Array.from(values),
});

/** Three elements in two bytes. */
const halfBytes: InitializerSpec = { name: 'h', type: 'int4', shape: [3], data: Uint8Array.of(0x21, 0x03) };
const hundreds = Array.from({ length: 512 }, (_, index) => index);
const a = weight('a', [2, 3, 4], 10);
const b = weight('b', [3, 1], 10);
const n = long('n', [6], [7, -7, 7, -7, 0, 2 ** 40]);
const m = long('m', [6], [2, 2, -2, -2, 5, 3]);

/** One operator on constants `t = op(…)`, and those constants. */
type Case = readonly [
  op: string,
  inputs: readonly InitializerSpec[],
  attributes?: NodeSpec['attributes'],
  opset?: number,
];

const CASES: readonly Case[] = [
  ['Add', [a, b]],
  ['Sub', [a, b]],
  ['Mul', [b, a]],
  ['Div', [a, b]],
  ['Div', [n, m]],
  ['Add', [n, m]],
  ['Mul', [n, m]],
  ['Sub', [int32('i', [2 ** 31 - 1, -5]), int32('j', [-1, 7])]],
  ['Mul', [int32('i', [2 ** 31 - 1, -5]), int32('j', [3, 7])]],
  ['Neg', [n]],
  ['Neg', [a]],
  ['Floor', [a]],
  ['Ceil', [a]],
  ['Equal', [n, m]],
  ['Less', [n, m]],
  ['Less', [long('rows', [512, 1], hundreds), long('columns', [1, 512], hundreds)]],
  ['Greater', [a, b]],
  ['And', [flags('p', [0, 0, 1, 1]), flags('q', [0, 1, 0, 1])]],
  ['Or', [flags('p', [0, 0, 1, 1]), flags('q', [0, 1, 0, 1])]],
  ['Not', [flags('p', [0, 1])]],
  ['Where', [flags('p', [0, 1, 1, 0]), a, b]],
  ['Cast', [a], { to: 7 }],
  ['Cast', [a], { to: 9 }],
  ['Cast', [n], { to: 1 }],
  ['Cast', [m], { to: 6 }],
  ['Range', [long('f', [], [9]), long('l', [], [-4]), long('d', [], [-3])]],
  ['Reshape', [a, ints('s', [0, -1])]],
  ['Reshape', [a, ints('s', [4, 3, 2])]],
  ['Flatten', [a], { axis: -1 }],
  ['Squeeze', [b, ints('x', [-1])]],
  ['Squeeze', [b], { axes: [1] }, 11],
  ['Unsqueeze', [a, ints('x', [0, -1])]],
  ['Unsqueeze', [a], { axes: [3, 1] }, 11],
  ['Transpose', [a]],
  ['Transpose', [a], { perm: [1, 2, 0] }],
  ['Expand', [b, ints('s', [2, 1, 4])]],
  ['Concat', [a, weight('c', [2, 3, 1]), weight('d', [2, 3, 2])], { axis: -1 }],
  ['Concat', [n, m], { axis: 0 }],
  ['Gather', [a, long('k', [2, 2], [0, -1, 2, 1])], { axis: 1 }],
  ['Gather', [n, long('k', [], [-2])]],
  ['Slice', [a, ints('f', [1, 0]), ints('u', [99, -1]), ints('x', [1, 2]), ints('e', [1, 2])]],
  ['Slice', [a, ints('f', [-1]), ints('u', [-(2 ** 53) + 1]), ints('x', [2]), ints('e', [-1])]],
  ['Slice', [a], { starts: [1], ends: [2n ** 63n - 1n], axes: [2] }, 9],
  ['ConstantOfShape', [ints('s', [2, 3])]],
  ['ConstantOfShape', [ints('s', [5])], { value: { tensor: int32('v', [-9]) } }],
  ['Shape', [a]],
  ['Shape', [a], { start: -2 }],
  ['Size', [a]],
];

const modelOf = ([op, inputs, attributes = {}, opset = 17]: Case) =>
  buildModel({
    opset,
    inputs: [],
    outputs: [{ name: 'y' }],
    nodes: [
      { op, inputs: inputs.map(({ name }) => name), outputs: ['t'], attributes },
      { op: 'Identity', inputs: ['t'], outputs: ['y'] },
    ],
    initializers: inputs,
  });

describe('foldConstants()', () => {
  it.each(CASES)('%s gives the bits that the runtime gives', async (...given) => {
    const bytes = modelOf(given as unknown as Case);
    const value = foldConstants(openModel(readModel(bytes)), new Map()).constants.get('t');
    const { y } = await runModel(bytes, {}, 'disabled');
    expect(value?.shape).toEqual(y?.dims);
    expect(value?.type).toBe(y?.type);
    expect(Buffer.compare(Buffer.from(value?.data ?? []), bytesOf(y))).toBe(0);
  });

  it.each<Case>([
    ['Exp', [a]],
    ['Sqrt', [a]],
    ['Div', [n, long('z', [1], [0])]],
    ['Cast', [floats('big', [1], [1e30])], { to: 6 }],
    ['Cast', [floats('none', [1], [Number.NaN])], { to: 7 }],
    ['Cast', [a], { to: 10 }],
    ['Gather', [n, long('k', [1], [6])]],
    ['Reshape', [a, ints('s', [5, 5])]],
    ['Slice', [a, ints('f', [0]), ints('u', [1]), ints('x', [2 ** 32 - 2])]],
    ['Slice', [a], { starts: [0, 0], ends: [1, 1], axes: [1, -2] }, 9],
    ['Transpose', [a], { perm: [0, 1, 1] }],
    ['Transpose', [a], { perm: [0, 1] }],
    ['Concat', [a, b], { axis: 9 }],
    ['Unsqueeze', [a, ints('x', [7])]],
    ['Concat', [halfBytes, { ...halfBytes, name: 'g' }], { axis: 0 }],
    ['Gather', [halfBytes, ints('k', [1])]],
    ['ConstantOfShape', [ints('s', [4])], { value: { tensor: { ...halfBytes, shape: [1], data: new Uint8Array(1) } } }],
    ['Expand', [floats('one', [1], [1]), ints('s', [2 ** 30])]],
    ['Add', [weight('column', [1024, 1]), weight('row', [1, 1024 * 1024])]],
  ])('leaves %s of these to the runtime', (...given) => {
    const graph = foldConstants(openModel(readModel(modelOf(given as unknown as Case))), new Map());
    expect(graph.constants.has('t')).toBe(false);
  });

  it.each(['constructor', 'toString', '__proto__'])(
    'takes an operator called %s for one that it does not know',
    (op) => {
      const graph = foldConstants(openModel(readModel(modelOf([op, [a]]))), new Map());
      expect(graph.nodes.map((node) => node.op)).toContain(op);
    },
  );

  it('knows the shape of what the network is given, and does not grow constants', () => {
    const grown = chain(
      [2, 3],
      [
        { op: 'Shape', inputs: ['x'], outputs: ['s'] },
        { op: 'Expand', inputs: ['one', 'huge'], outputs: ['e'] },
        { op: 'Add', inputs: ['x', 'e'], outputs: ['r'] },
        { op: 'Reshape', inputs: ['r', 's'], outputs: ['y'] },
      ],
      { initializers: [floats('one', [1], [1]), ints('huge', [2048, 1024, 1])] },
    );
    const graph = foldConstants(openModel(readModel(grown)), new Map([['x', [2, 3]]]));
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Expand', 'Add', 'Reshape']);
    expect(graph.constants.get('s')).toMatchObject({ type: 'int64', shape: [2] });
  });
});
