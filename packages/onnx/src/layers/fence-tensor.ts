import { constantOf } from '../fold/constant-data.ts';
import type { OnnxNode, OnnxTensor } from '../proto/model.ts';
import type { ValueType } from '../shapes/infer-shapes.ts';
import { type GraphIndex, indexGraph } from './graph-index.ts';

/**
 * Two operators that together change nothing (to one row, and back to the shape), and that no optimisation of the runtime sees
 * through: it neither moves a Transpose over them nor drops a rounding to float16 before them. Both only rename memory.
 */
export interface Fence {
  readonly nodes: readonly [OnnxNode, OnnxNode];
  readonly constant: OnnxTensor;
  /** The tensors that the fence adds, with their types. */
  readonly types: readonly (readonly [string, ValueType])[];
}

/** A fence that makes `to` from `from`; undefined if the shape of that is not known. */
export function fenceTensor(
  index: GraphIndex,
  from: string,
  to: string,
  value: ValueType | undefined,
): Fence | undefined {
  if (value === undefined || value.shape === null) return undefined;
  const row = freeName(index, `${from}.row`);
  const shape = freeName(index, `${to}.shape`);
  const count = value.shape.reduce((product, size) => product * size, 1);
  const axis = { name: 'axis', kind: 'int', value: 0n } as const;
  const base = { name: '', domain: '', overload: '' };
  return {
    nodes: [
      { ...base, op: 'Flatten', inputs: [from], outputs: [row], attributes: [axis] },
      { ...base, op: 'Reshape', inputs: [row, shape], outputs: [to], attributes: [] },
    ],
    constant: { name: shape, ...constantOf('int64', [value.shape.length], value.shape) },
    types: [
      [row, { type: value.type, shape: [1, count] }],
      [from, value],
      [to, value],
    ],
  };
}

/** A graph with fences in it. */
export interface FencedGraph {
  readonly index: GraphIndex;
  /** Tensors whose makers belong to one layer. */
  readonly joined: readonly (readonly string[])[];
}

/** The graph of these nodes, with the constants and types that fences add. */
export function indexFenced(index: GraphIndex, nodes: readonly OnnxNode[], fences: readonly Fence[]): GraphIndex {
  const constants = new Map([
    ...index.graph.constants,
    ...fences.map(({ constant }) => [constant.name, constant] as const),
  ]);
  const types = new Map([...index.types, ...fences.flatMap((fence) => fence.types)]);
  return indexGraph({ ...index.graph, nodes, constants }, types);
}

/** A name that the graph does not use yet. */
export function freeName(index: GraphIndex, wanted: string): string {
  let name = wanted;
  while (index.types.has(name) || index.graph.constants.has(name)) name += '_';
  return name;
}
