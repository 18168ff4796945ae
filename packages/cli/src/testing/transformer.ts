import { buildModel, type InitializerSpec, type NodeSpec } from '@d3/onnx';
import { seededRandom } from '../verify/seeded-random.ts';

const WIDTH = 32;
const TOKENS = 6;

/**
 * A transformer block as exporters write it: LayerNorm, attention and GELU in small operators that a runtime would like to fuse.
 * Cutting through such a fusion changes bits, so it is what a packed model must not be wrong about.
 */
export function smallTransformer(): Uint8Array<ArrayBuffer> {
  const random = seededRandom(11);
  const nodes: NodeSpec[] = [];
  const initializers: InitializerSpec[] = [
    floats('two', [], [2]),
    floats('half', [], [0.5]),
    floats('one', [], [1]),
    floats('epsilon', [], [1e-5]),
    floats('root2', [], [Math.SQRT2]),
    floats('rootWidth', [], [Math.sqrt(WIDTH)]),
  ];
  const node = (op: string, inputs: readonly string[], attributes: NodeSpec['attributes'] = {}): string => {
    const output = `${op.toLowerCase()}${nodes.length}`;
    nodes.push({ op, name: output, inputs, outputs: [output], attributes });
    return output;
  };
  const weight = (name: string, shape: readonly number[], size: number): string => {
    const count = shape.reduce((product, length) => product * length, 1);
    initializers.push(
      floats(
        name,
        shape,
        Array.from({ length: count }, () => (random() * 2 - 1) * size),
      ),
    );
    return name;
  };
  const dense = (input: string, name: string, [rows, columns]: readonly [number, number]): string =>
    node('Add', [
      node('MatMul', [input, weight(`${name}.w`, [rows, columns], rows ** -0.5)]),
      weight(`${name}.b`, [columns], 0.1),
    ]);
  const norm = (input: string, name: string): string => {
    const centred = node('Sub', [input, node('ReduceMean', [input], { axes: [-1] })]);
    const variance = node('ReduceMean', [node('Pow', [centred, 'two'])], { axes: [-1] });
    const scaled = node('Div', [centred, node('Sqrt', [node('Add', [variance, 'epsilon'])])]);
    return node('Add', [node('Mul', [scaled, weight(`${name}.g`, [WIDTH], 1)]), weight(`${name}.b`, [WIDTH], 0.1)]);
  };
  const attention = (input: string): string => {
    const [query, key, value] = ['q', 'k', 'v'].map((part) => dense(input, part, [WIDTH, WIDTH])) as [
      string,
      string,
      string,
    ];
    const scores = node('Div', [node('MatMul', [query, node('Transpose', [key], { perm: [0, 2, 1] })]), 'rootWidth']);
    return dense(node('MatMul', [node('Softmax', [scores], { axis: -1 }), value]), 'o', [WIDTH, WIDTH]);
  };
  const gelu = (input: string): string => {
    const gate = node('Add', [node('Erf', [node('Div', [input, 'root2'])]), 'one']);
    return node('Mul', [node('Mul', [input, gate]), 'half']);
  };
  const attended = node('Add', ['x', attention(norm('x', 'n1'))]);
  const wide = gelu(dense(norm(attended, 'n2'), 'up', [WIDTH, 4 * WIDTH]));
  const last = norm(node('Add', [attended, dense(wide, 'down', [4 * WIDTH, WIDTH])]), 'n3');
  nodes.push({ op: 'Identity', inputs: [last], outputs: ['y'] });
  return buildModel({
    opset: 13,
    inputs: [{ name: 'x', type: 'float32', shape: [1, TOKENS, WIDTH] }],
    outputs: [{ name: 'y' }],
    nodes,
    initializers,
  });
}

function floats(name: string, shape: readonly number[], values: readonly number[]): InitializerSpec {
  return { name, type: 'float32', shape, data: Float32Array.from(values) };
}
