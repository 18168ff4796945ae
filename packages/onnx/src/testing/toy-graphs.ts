import { buildModel, type InitializerSpec, type ModelSpec, type NodeSpec } from '../build/build-model.ts';
import type { Bytes } from '../proto/model.ts';
import { heValues } from '../randomize/he-values.ts';

/** A float32 initializer of seeded values; the seed is taken from its name, so that equal names are equal. */
export function weight(name: string, shape: readonly number[], scale = 1): InitializerSpec {
  const count = shape.reduce((product, size) => product * size, 1);
  let seed = 17;
  for (const character of name) seed = Math.imul(seed, 31) + (character.codePointAt(0) ?? 0);
  return { name, type: 'float32', shape, data: heValues(count, 2 / scale ** 2, seed) };
}

/** A float32 initializer of given values. */
export function floats(name: string, shape: readonly number[], values: readonly number[]): InitializerSpec {
  return { name, type: 'float32', shape, data: Float32Array.from(values) };
}

/** An int64 initializer of given values. */
export function ints(name: string, values: readonly number[]): InitializerSpec {
  return { name, type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

/** One input `x` and one output `y` around these nodes. */
export function chain(
  shape: readonly (number | string)[],
  nodes: readonly NodeSpec[],
  rest: Partial<ModelSpec> = {},
): Bytes {
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: 'float32', shape }],
    outputs: [{ name: 'y' }],
    nodes,
    ...rest,
  });
}

const WIDTH = 32;
const HEADS = 2;
const TOKENS = 6;

/** LayerNorm, attention and GELU blocks written as small operators, as exporters do below opset 17. */
export function decomposedTransformer(opset: number): Bytes {
  const nodes: NodeSpec[] = [];
  const initializers: InitializerSpec[] = [
    ints('split', [1, TOKENS, HEADS, WIDTH / HEADS]),
    ints('joined', [1, TOKENS, WIDTH]),
    floats('two', [], [2]),
    floats('half', [], [0.5]),
    floats('one', [], [1]),
    floats('epsilon', [], [1e-5]),
    floats('root2', [], [Math.SQRT2]),
    floats('rootHead', [], [Math.sqrt(WIDTH / HEADS)]),
  ];
  const node = (op: string, inputs: readonly string[], attributes: NodeSpec['attributes'] = {}): string => {
    const output = `${op.toLowerCase()}_${nodes.length}`;
    nodes.push({ op, name: `/${output}`, inputs, outputs: [output], attributes });
    return output;
  };
  const dense = (input: string, name: string, rows: number, columns: number): string => {
    initializers.push(weight(`${name}.w`, [rows, columns], rows ** -0.5), weight(`${name}.b`, [columns], 0.1));
    return node('Add', [node('MatMul', [input, `${name}.w`]), `${name}.b`]);
  };
  const norm = (input: string, name: string): string => {
    initializers.push(weight(`${name}.gamma`, [WIDTH]), weight(`${name}.beta`, [WIDTH], 0.1));
    const centred = node('Sub', [input, node('ReduceMean', [input], { axes: [-1] })]);
    const variance = node('ReduceMean', [node('Pow', [centred, 'two'])], { axes: [-1] });
    const root = node('Sqrt', [node('Add', [variance, 'epsilon'])]);
    return node('Add', [node('Mul', [node('Div', [centred, root]), `${name}.gamma`]), `${name}.beta`]);
  };
  const attention = (input: string, name: string): string => {
    const head = (part: string, perm: readonly number[]) =>
      node('Transpose', [node('Reshape', [dense(input, `${name}.${part}`, WIDTH, WIDTH), 'split'])], { perm });
    const scores = node('Div', [node('MatMul', [head('q', [0, 2, 1, 3]), head('k', [0, 2, 3, 1])]), 'rootHead']);
    const mixed = node('MatMul', [node('Softmax', [scores], { axis: -1 }), head('v', [0, 2, 1, 3])]);
    return dense(
      node('Reshape', [node('Transpose', [mixed], { perm: [0, 2, 1, 3] }), 'joined']),
      `${name}.o`,
      WIDTH,
      WIDTH,
    );
  };
  const gelu = (input: string): string => {
    const gate = node('Add', [node('Erf', [node('Div', [input, 'root2'])]), 'one']);
    return node('Mul', [node('Mul', [input, gate]), 'half']);
  };
  let stream = 'x';
  for (const block of ['a', 'b']) {
    stream = node('Add', [stream, attention(norm(stream, `${block}.n1`), `${block}.att`)]);
    const wide = gelu(dense(norm(stream, `${block}.n2`), `${block}.up`, WIDTH, 4 * WIDTH));
    stream = node('Add', [stream, dense(wide, `${block}.down`, 4 * WIDTH, WIDTH)]);
  }
  nodes.push({ op: 'Identity', inputs: [norm(stream, 'last')], outputs: ['y'] });
  return chain([1, TOKENS, WIDTH], nodes, { opset, initializers });
}
