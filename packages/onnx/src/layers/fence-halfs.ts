import { writesOf } from '../fold/open-graph.ts';
import type { OnnxNode } from '../proto/model.ts';
import { type Fence, type FencedGraph, fenceTensor, freeName, indexFenced } from './fence-tensor.ts';
import { type GraphIndex, nodeAt } from './graph-index.ts';
import type { NodeGroup } from './group-nodes.ts';

/** Operators that only move float16 values, which are rounded already where they come from. */
const MOVED: readonly string[] = [
  'Concat',
  'Flatten',
  'Gather',
  'Identity',
  'Reshape',
  'Slice',
  'Split',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
];

/**
 * Fences every float16 tensor between layers.
 *
 * A runtime without float16 kernels computes in float32 and drops the two conversions between one operator and the next, so that
 * the whole keeps digits which a cut would round away. Behind a fence the tensor is rounded in the whole as it is at a cut.
 */
export function fenceHalfs(index: GraphIndex, groups: readonly NodeGroup[]): FencedGraph {
  const fences = new Map<string, Fence>();
  const nodes = [...index.graph.nodes];
  for (const group of groups) {
    for (const name of group.nodes.flatMap((at) => fencedOutputs(index, at, group))) {
      const raw = freeName(index, `${name}.unfenced`);
      const fence = fenceTensor(index, raw, name, index.types.get(name));
      if (fence === undefined) continue;
      fences.set(name, fence);
      const rename = (given: string) => (given === name ? raw : given);
      for (const at of group.nodes) {
        const node = nodes[at] ?? nodeAt(index, at);
        nodes[at] = { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) };
      }
    }
  }
  if (fences.size === 0) return { index, joined: [] };
  const fenced = index.graph.nodes.flatMap((original, at): readonly OnnxNode[] => {
    const own = writesOf(original).flatMap((name) => fences.get(name)?.nodes ?? []);
    return [nodes[at] ?? original, ...own];
  });
  const joined = [...fences.values()].map(({ types }) => types.map(([name]) => name));
  return { index: indexFenced(index, fenced, [...fences.values()]), joined };
}

/** The float16 outputs of a node that leave its group, if the runtime may compute them in float32. */
function fencedOutputs(index: GraphIndex, at: number, group: NodeGroup): readonly string[] {
  const node = nodeAt(index, at);
  const onlyMoves = group.nodes.length === 1 && node.domain === '' && MOVED.includes(node.op);
  if (index.constantNodes.has(at) || onlyMoves) return [];
  const leaves = (name: string) =>
    index.outputs.has(name) || (index.readers.get(name) ?? []).some((reader) => !group.nodes.includes(reader));
  return writesOf(node).filter((name) => index.types.get(name)?.type === 'float16' && leaves(name));
}
