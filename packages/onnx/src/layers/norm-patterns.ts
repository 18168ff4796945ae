import { writesOf } from '../fold/open-graph.ts';
import { constantInput, type GraphIndex, makerOf, nodeAt, nodeOfKind, soleReader } from './graph-index.ts';

/** A composed operator: its nodes, and the operator that they amount to. */
export interface ComposedOperator {
  readonly kind: string;
  readonly nodes: readonly number[];
}

/**
 * LayerNorm and GELU written as small operators, which the runtime fuses: found around their square root or error function, and
 * only where no inner tensor is read from outside.
 */
export function findComposed(index: GraphIndex): readonly ComposedOperator[] {
  return index.graph.nodes.flatMap((_, at) => {
    const found =
      layerNormAround(index, at) ?? geluAround(index, at) ?? siluAround(index, at) ?? reciprocalProduct(index, at);
    return found !== undefined && isClosed(index, found.nodes) ? [found] : [];
  });
}

/** Whether all but the last tensor of a group stay inside it. */
function isClosed(index: GraphIndex, nodes: readonly number[]): boolean {
  const last = Math.max(...nodes);
  return nodes
    .filter((at) => at !== last)
    .flatMap((at) => writesOf(nodeAt(index, at)))
    .every(
      (name) => !index.outputs.has(name) && (index.readers.get(name) ?? []).every((reader) => nodes.includes(reader)),
    );
}

/** (x − mean) ÷ √(mean of squares + ε) [· γ] [+ β], or the same without the mean (RMSNorm). */
function layerNormAround(index: GraphIndex, sqrt: number): ComposedOperator | undefined {
  const root = nodeOfKind(index, sqrt, ['Sqrt']);
  const plus = root && makerOf(index, root, 0);
  const add = nodeOfKind(index, plus, ['Add']);
  const mean = add && [0, 1].map((input) => makerOf(index, add, input)).find((at) => at !== undefined);
  const reduce = nodeOfKind(index, mean, ['ReduceMean']);
  const square = reduce && makerOf(index, reduce, 0);
  const power = nodeOfKind(index, square, ['Pow', 'Mul']);
  const quotient = soleReader(index, sqrt);
  if (plus === undefined || mean === undefined || square === undefined || power === undefined) return undefined;
  if (quotient === undefined || !nodeOfKind(index, quotient, ['Div', 'Reciprocal'])) return undefined;
  const nodes = [sqrt, plus, mean, square, quotient, ...centring(index, makerOf(index, power, 0))];
  const numerator = makerOf(index, nodeAt(index, quotient), 0);
  nodes.push(...centring(index, numerator));
  let last = quotient;
  for (const kinds of [['Mul'], ['Mul'], ['Add']]) {
    const next = soleReader(index, last);
    const fits = next !== undefined && nodeOfKind(index, next, kinds);
    if (!fits || (last !== quotient && !readsConstant(index, next))) continue;
    if (last === quotient && !readsConstant(index, next) && !nodeOfKind(index, quotient, ['Reciprocal'])) continue;
    nodes.push(next);
    last = next;
  }
  return { kind: 'LayerNormalization', nodes: distinct(nodes) };
}

/** x − mean(x): the nodes of it, if `at` is one. */
function centring(index: GraphIndex, at: number | undefined): readonly number[] {
  const sub = nodeOfKind(index, at, ['Sub']);
  const mean = sub && makerOf(index, sub, 1);
  if (at === undefined || mean === undefined || !nodeOfKind(index, mean, ['ReduceMean'])) return [];
  return [at, mean];
}

/** x · ½ · (1 + erf(x ÷ √2)), the products in any order. */
function geluAround(index: GraphIndex, erf: number): ComposedOperator | undefined {
  const node = nodeOfKind(index, erf, ['Erf']);
  const scale = node && makerOf(index, node, 0);
  const plus = node && soleReader(index, erf);
  if (scale === undefined || !nodeOfKind(index, scale, ['Div', 'Mul'])) return undefined;
  if (plus === undefined || !nodeOfKind(index, plus, ['Add'])) return undefined;
  const product = soleReader(index, plus);
  const multiply = nodeOfKind(index, product, ['Mul']);
  if (product === undefined || multiply === undefined) return undefined;
  const nodes = [scale, erf, plus, product];
  const after = soleReader(index, product);
  if (
    after !== undefined &&
    nodeOfKind(index, after, ['Mul']) &&
    (readsConstant(index, after) || readsConstant(index, product))
  ) {
    return { kind: 'Gelu', nodes: [...nodes, after] };
  }
  const half = [0, 1].map((input) => makerOf(index, multiply, input)).find((at) => at !== plus);
  const halves = half !== undefined && nodeOfKind(index, half, ['Mul']) && readsConstant(index, half);
  return { kind: 'Gelu', nodes: distinct(halves && half !== undefined ? [...nodes, half] : nodes) };
}

/** x · sigmoid(x), also with a factor inside. */
function siluAround(index: GraphIndex, sigmoid: number): ComposedOperator | undefined {
  const node = nodeOfKind(index, sigmoid, ['Sigmoid']);
  const product = node && soleReader(index, sigmoid);
  if (node === undefined || product === undefined || !nodeOfKind(index, product, ['Mul'])) return undefined;
  const inner = makerOf(index, node, 0);
  const scaled = inner !== undefined && nodeOfKind(index, inner, ['Mul']) && readsConstant(index, inner);
  const argument = scaled && inner !== undefined ? nodeAt(index, inner) : node;
  const multiplied = nodeAt(index, product).inputs;
  if (!argument.inputs.some((name) => name !== '' && multiplied.includes(name))) return undefined;
  return { kind: 'Sigmoid', nodes: scaled && inner !== undefined ? [inner, sigmoid, product] : [sigmoid, product] };
}

/** (1 ÷ x) · y, which the runtime turns into y ÷ x. */
function reciprocalProduct(index: GraphIndex, divide: number): ComposedOperator | undefined {
  const node = nodeOfKind(index, divide, ['Div']);
  const product = node && soleReader(index, divide);
  const isOne = node !== undefined && constantInput(index, node, 0) !== undefined;
  if (product === undefined || !isOne || !nodeOfKind(index, product, ['Mul'])) return undefined;
  return { kind: 'Div', nodes: [divide, product] };
}

function readsConstant(index: GraphIndex, at: number): boolean {
  const node = nodeAt(index, at);
  return node.inputs.some((_, input) => constantInput(index, node, input) !== undefined);
}

function distinct(nodes: readonly number[]): readonly number[] {
  return [...new Set(nodes)];
}
