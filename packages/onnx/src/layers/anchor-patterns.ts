import { countOf } from '../fold/constant-data.ts';
import type { OnnxNode } from '../proto/model.ts';
import { constantInput, type GraphIndex, makerOf, nodeAt, nodeOfKind, shapeOf, soleReader } from './graph-index.ts';
import { ACTIVATIONS, ANCHORS, PADDED } from './operator-kinds.ts';

const PRODUCTS: readonly string[] = ['Gemm', 'MatMul'];

/**
 * The fusion patterns around one Conv, ConvTranspose, Gemm, MatMul or pool, as onnxruntime 1.30 has them: what it may merge into
 * that operator belongs to its layer, so that a cut never decides over it.
 *
 * before: Pad → Conv or pool; Transpose, or × ÷ by a scalar → Gemm or MatMul
 * after: BatchNorm; + − × ÷ with a constant per channel; Add or Sum of a second tensor of the same shape; one activation;
 * Transpose of a Gemm
 *
 * @returns the nodes of the group, the anchor among them
 */
export function groupAround(index: GraphIndex, anchor: number): readonly number[] {
  const group = [anchor, ...nodesBefore(index, anchor)];
  if (nodeOfKind(index, anchor, ANCHORS) === undefined) return group;
  let last = anchor;
  const take = (next: number | undefined): boolean => {
    if (next === undefined) return false;
    group.push(next);
    last = next;
    return true;
  };
  while (take(affineAfter(index, anchor, last)));
  const sum = sumAfter(index, anchor, last);
  if (take(sum) && sum !== undefined) group.push(...otherProducts(index, anchor, sum));
  const reader = soleReader(index, last);
  const isActivation = nodeOfKind(index, reader, ACTIVATIONS) !== undefined;
  const isTranspose = nodeOfKind(index, anchor, ['Gemm']) && nodeOfKind(index, reader, ['Transpose']);
  if (isActivation || isTranspose) take(reader);
  return group;
}

function nodesBefore(index: GraphIndex, anchor: number): readonly number[] {
  const node = nodeAt(index, anchor);
  const alone = (at: number | undefined, kinds: readonly string[]) =>
    at !== undefined && nodeOfKind(index, at, kinds) !== undefined && soleReader(index, at) === anchor ? [at] : [];
  if (nodeOfKind(index, anchor, PADDED)) return alone(makerOf(index, node, 0), ['Pad']);
  if (!nodeOfKind(index, anchor, PRODUCTS)) return [];
  return [0, 1].flatMap((input) => {
    const at = makerOf(index, node, input);
    const scaled = alone(at, ['Mul', 'Div']).filter((scale) => hasConstant(index, nodeAt(index, scale), [1]));
    const inner = scaled.length > 0 ? precedingAlone(index, scaled[0], 'Transpose') : [];
    return [...alone(at, ['Transpose']), ...scaled, ...inner];
  });
}

/** The node of this kind before `at` (its first or second input), if `at` alone reads it. */
function precedingAlone(index: GraphIndex, at: number | undefined, kind: string): readonly number[] {
  if (at === undefined) return [];
  const node = nodeAt(index, at);
  return [0, 1].flatMap((input) => {
    const maker = makerOf(index, node, input);
    const fits = maker !== undefined && nodeOfKind(index, maker, [kind]) && soleReader(index, maker) === at;
    return fits ? [maker] : [];
  });
}

/** BatchNorm, or arithmetic with a constant that is a scalar or one value per channel. */
function affineAfter(index: GraphIndex, anchor: number, last: number): number | undefined {
  const next = soleReader(index, last);
  if (next === undefined) return undefined;
  if (nodeOfKind(index, next, ['BatchNormalization'])) return next;
  const node = nodeOfKind(index, next, ['Mul', 'Add', 'Div', 'Sub']);
  const shape = shapeOf(index, nodeAt(index, anchor).outputs[0]);
  if (node === undefined || shape === undefined) return undefined;
  const isProduct = nodeOfKind(index, anchor, PRODUCTS) !== undefined;
  const channels = isProduct ? shape.at(-1) : shape[1];
  if (isProduct && node.op === 'Add' && hasConstant(index, node)) return next;
  return hasConstant(index, node, [1, channels ?? 1]) ? next : undefined;
}

/** Whether one input of a node is a constant, of one of these numbers of elements if they are given. */
function hasConstant(index: GraphIndex, node: OnnxNode, counts?: readonly number[]): boolean {
  return node.inputs.some((_, input) => {
    const constant = constantInput(index, node, input);
    return constant !== undefined && (counts?.includes(countOf(constant.shape)) ?? true);
  });
}

/**
 * An Add or two-input Sum with another tensor of the same shape: a residual connection, or a bias that is computed. To a product
 * a smaller one may be added too.
 */
function sumAfter(index: GraphIndex, anchor: number, last: number): number | undefined {
  const next = soleReader(index, last);
  const node = nodeOfKind(index, next, ['Add', 'Sum']);
  if (node === undefined || node.inputs.length !== 2) return undefined;
  const own = shapeOf(index, nodeAt(index, last).outputs[0]);
  const counts = [...node.inputs, node.outputs[0]].map((name) => countOf(shapeOf(index, name) ?? [Number.NaN]));
  const compared = nodeOfKind(index, anchor, PRODUCTS) ? counts.slice(-1) : counts;
  const same = own !== undefined && compared.every((count) => count === countOf(own));
  const computed = node.inputs.every((_, input) => constantInput(index, node, input) === undefined);
  return same && computed ? next : undefined;
}

/** Two products into one Add: the runtime fuses the first that it comes to, so both stay together. */
function otherProducts(index: GraphIndex, anchor: number, sum: number): readonly number[] {
  if (!nodeOfKind(index, anchor, PRODUCTS)) return [];
  return [0, 1].flatMap((input) => {
    const at = makerOf(index, nodeAt(index, sum), input);
    const fits = at !== undefined && nodeOfKind(index, at, PRODUCTS) && soleReader(index, at) === sum;
    return fits ? [at] : [];
  });
}
