import { isD3Error } from '@d3/errors';
import { onnxError } from '../errors.ts';
import { foldConstants } from '../fold/fold-constants.ts';
import { type OpenGraph, pruneUnused, writesOf } from '../fold/open-graph.ts';
import type { InferredValue, ShapeInference } from '../manifest.ts';
import { isOnnxElementType, type OnnxElementType } from '../proto/element-codes.ts';
import type { OnnxModel } from '../proto/model.ts';
import { shapeModel } from './shape-model.ts';

/** Folding shape arithmetic can make more shapes known, which can make more arithmetic constant; models need two rounds. */
const MAX_ROUNDS = 8;

/** What is known of a value. */
export interface ValueType {
  /** `null`: no dense tensor. */
  readonly type: OnnxElementType | null;
  /** `null`: not all of it is known before a run. */
  readonly shape: readonly number[] | null;
}

/** A graph with nothing left to fold, and the type of every tensor in it. */
export interface ShapedGraph {
  readonly graph: OpenGraph;
  readonly types: ReadonlyMap<string, ValueType>;
}

/**
 * Derives the shape of every tensor with a runtime's help, folding the arithmetic on shapes that becomes constant on the way.
 *
 * @throws D3Error `ONNX_OPERATOR_UNKNOWN`, `ONNX_SHAPES_REFUSED`; whatever typed error `infer` itself throws
 */
export async function inferShapes(model: OnnxModel, start: OpenGraph, infer: ShapeInference): Promise<ShapedGraph> {
  let graph = pruneUnused(foldConstants(start, new Map()));
  let types = await askRuntime(model, graph, infer);
  for (let round = 1; round < MAX_ROUNDS; round++) {
    const folded = foldWithShapes(graph, types);
    const progressed = folded.nodes.length < graph.nodes.length;
    graph = folded;
    const unknown = graph.nodes.flatMap(writesOf).some((name) => types.get(name)?.shape === null);
    if (!progressed || !unknown) break;
    types = await askRuntime(model, graph, infer);
  }
  return { graph, types };
}

function foldWithShapes(graph: OpenGraph, types: ReadonlyMap<string, ValueType>): OpenGraph {
  const shapes = new Map([...types].flatMap(([name, value]) => (value.shape === null ? [] : [[name, value.shape]])));
  return pruneUnused(foldConstants(graph, shapes));
}

async function askRuntime(
  model: OnnxModel,
  graph: OpenGraph,
  infer: ShapeInference,
): Promise<ReadonlyMap<string, ValueType>> {
  const types = new Map<string, ValueType>();
  for (const name of graph.nodes.flatMap(writesOf)) types.set(name, { type: null, shape: null });
  for (const input of graph.inputs) types.set(input.name, valueType({ ...input, type: input.type ?? '' }));
  for (const value of await inferOrExplain(shapeModel(model, graph), graph, infer)) {
    if (types.has(value.name)) types.set(value.name, valueType(value));
  }
  return types;
}

/** onnxruntime-web reports an unknown size as 2³² − 1; no real one is that large. */
const MAX_SIZE = 2 ** 31 - 1;

function isKnownSize(size: unknown): size is number {
  return Number.isSafeInteger(size) && Number(size) >= 0 && Number(size) <= MAX_SIZE;
}

function valueType(value: { readonly type: string; readonly shape: readonly unknown[] | null }): ValueType {
  const type = isOnnxElementType(value.type) ? value.type : null;
  const known = type !== null && value.shape?.every(isKnownSize) ? value.shape : null;
  return { type, shape: known };
}

async function inferOrExplain(
  bytes: Parameters<ShapeInference>[0],
  graph: OpenGraph,
  infer: ShapeInference,
): Promise<readonly InferredValue[]> {
  try {
    return await infer(bytes);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const node = unknownOperator(text, graph);
    if (node !== undefined) {
      const operator = node.domain === '' ? node.op : `${node.domain}:${node.op}`;
      throw onnxError('ONNX_OPERATOR_UNKNOWN', { operator, node: node.name || (node.outputs[0] ?? '') }, { cause });
    }
    if (isD3Error(cause)) throw cause;
    throw onnxError('ONNX_SHAPES_REFUSED', { reason: text }, { cause });
  }
}

/** The node that the runtime's text complains of, if what it says is that it knows no such operator. */
function unknownOperator(text: string, graph: OpenGraph) {
  if (!/no op registered|not a registered|no schema|could not find an implementation|unregistered/i.test(text)) {
    return undefined;
  }
  const named = graph.nodes.filter((node) => new RegExp(`\\b${escapePattern(node.op)}\\b`).test(text));
  return named.find((node) => node.name !== '' && text.includes(node.name)) ?? named[0];
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
