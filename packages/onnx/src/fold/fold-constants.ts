import { isBitPacked } from '../proto/element-codes.ts';
import type { OnnxNode, OnnxTensor } from '../proto/model.ts';
import { intAttribute } from './attributes.ts';
import { type ConstantValue, constantOf, countOf } from './constant-data.ts';
import { ARITHMETIC } from './exact/arithmetic.ts';
import { MOVEMENT } from './exact/movement.ts';
import { axisOf, type ExactOperator } from './exact/operator-call.ts';
import type { OpenGraph } from './open-graph.ts';

/** Fully known shapes, by tensor. */
export type KnownShapes = ReadonlyMap<string, readonly number[]>;

/** A computed constant above this size stays an operator when folding would make it larger than what it is made from. */
const MAX_GROWN_BYTES = 1 << 20;
const EXACT: ReadonlyMap<string, ExactOperator> = new Map(Object.entries({ ...MOVEMENT, ...ARITHMETIC }));
/** The largest weight that a model may fill. */
const MAX_FILLED_BYTES = 2 ** 30;
/** Operators that a model without weights fills them with: folded at any size, since they are the weights. */
const FILLS = ['ConstantOfShape'];

/**
 * Replaces every node that only reads constants by its result, if its operator is on the closed list of those that are exact on
 * every machine; Shape and Size of a tensor of known shape too. What is not on the list stays for the runtime.
 */
export function foldConstants(graph: OpenGraph, shapes: KnownShapes): OpenGraph {
  const constants = new Map(graph.constants);
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const name = node.outputs[0] ?? '';
    const value = outputs.has(name) ? undefined : evaluate(node, constants, shapes);
    if (value === undefined) nodes.push(node);
    else constants.set(name, { name, ...value });
  }
  return { ...graph, nodes, constants };
}

function evaluate(
  node: OnnxNode,
  constants: ReadonlyMap<string, OnnxTensor>,
  shapes: KnownShapes,
): ConstantValue | undefined {
  if (node.domain !== '' || node.outputs.filter((name) => name !== '').length !== 1) return undefined;
  if (node.op === 'Shape' || node.op === 'Size') {
    const read = node.inputs[0] ?? '';
    return shapeValue(node, constants.get(read)?.shape ?? shapes.get(read));
  }
  const operator = EXACT.get(node.op);
  if (operator === undefined) return undefined;
  const inputs: (ConstantValue | undefined)[] = [];
  for (const name of node.inputs) {
    const tensor = constants.get(name);
    if (name !== '' && (tensor === undefined || tensor.data === null || isBitPacked(tensor.type))) return undefined;
    inputs.push(tensor?.data ? { type: tensor.type, shape: tensor.shape, data: tensor.data } : undefined);
  }
  const readBytes = inputs.reduce((sum, input) => sum + (input?.data.byteLength ?? 0), 0);
  const maxBytes = FILLS.includes(node.op) ? MAX_FILLED_BYTES : Math.max(readBytes, MAX_GROWN_BYTES);
  const value = operator({ node, inputs, maxBytes });
  return value !== undefined && value.data.byteLength <= maxBytes ? value : undefined;
}

function shapeValue(node: OnnxNode, shape: readonly number[] | undefined): ConstantValue | undefined {
  if (shape === undefined) return undefined;
  if (node.op === 'Size') return constantOf('int64', [], [countOf(shape)]);
  const start = axisOf(intAttribute(node, 'start', 0), shape.length);
  const end = axisOf(intAttribute(node, 'end', shape.length), shape.length);
  const part = shape.slice(Math.max(0, start), Math.max(0, end));
  return constantOf('int64', [part.length], part);
}
