import { type OpenGraph, readersOf, readsOf, writesOf } from '../fold/open-graph.ts';
import type { OnnxNode, OnnxTensor } from '../proto/model.ts';
import type { ValueType } from '../shapes/infer-shapes.ts';

/** A shaped graph with its edges looked up; built once, read by patterns. */
export interface GraphIndex {
  readonly graph: OpenGraph;
  readonly types: ReadonlyMap<string, ValueType>;
  /** Node that makes each tensor. */
  readonly makers: ReadonlyMap<string, number>;
  /** Nodes that read each tensor. */
  readonly readers: ReadonlyMap<string, readonly number[]>;
  readonly outputs: ReadonlySet<string>;
  /** Nodes that depend on no network input: each layer that needs one computes it itself, and none of them crosses. */
  readonly constantNodes: ReadonlySet<number>;
}

/** Looks the edges of a graph up. */
export function indexGraph(graph: OpenGraph, types: ReadonlyMap<string, ValueType>): GraphIndex {
  const makers = new Map(graph.nodes.flatMap((node, index) => writesOf(node).map((name) => [name, index] as const)));
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const constantNodes = findConstantNodes(graph, makers);
  return { graph, types, makers, readers: readersOf(graph.nodes), outputs, constantNodes };
}

const RANDOM = /^(Random|Bernoulli$|Multinomial$)/;

function findConstantNodes(graph: OpenGraph, makers: ReadonlyMap<string, number>): ReadonlySet<number> {
  const found = new Set<number>();
  graph.nodes.forEach((node, index) => {
    if (RANDOM.test(node.op)) return;
    const isConstant = (name: string) => graph.constants.has(name) || found.has(makers.get(name) ?? -1);
    if (readsOf(node).every(isConstant)) found.add(index);
  });
  return found;
}

/** A node by index. */
export function nodeAt(index: GraphIndex, at: number): OnnxNode {
  const node = index.graph.nodes[at];
  if (node === undefined) throw new RangeError(`No node ${at}`);
  return node;
}

/** The node at `at` if it is one of ONNX's own operators of these kinds. */
export function nodeOfKind(index: GraphIndex, at: number | undefined, kinds: readonly string[]): OnnxNode | undefined {
  const node = at === undefined ? undefined : index.graph.nodes[at];
  return node !== undefined && node.domain === '' && kinds.includes(node.op) ? node : undefined;
}

/** The one node that reads a node's only output, if nothing else does and it is no network output. */
export function soleReader(index: GraphIndex, at: number): number | undefined {
  const outputs = writesOf(nodeAt(index, at));
  const [name] = outputs;
  if (name === undefined || outputs.length !== 1 || index.outputs.has(name)) return undefined;
  const readers = index.readers.get(name) ?? [];
  return readers.length === 1 ? readers[0] : undefined;
}

/** The node that makes a node's input, if any. */
export function makerOf(index: GraphIndex, node: OnnxNode, input: number): number | undefined {
  return index.makers.get(node.inputs[input] ?? '');
}

/** The constant that a node reads at `input`, if it is one. */
export function constantInput(index: GraphIndex, node: OnnxNode, input: number): OnnxTensor | undefined {
  return index.graph.constants.get(node.inputs[input] ?? '');
}

/** The shape of a tensor or constant, if known. */
export function shapeOf(index: GraphIndex, name: string | undefined): readonly number[] | undefined {
  return index.graph.constants.get(name ?? '')?.shape ?? index.types.get(name ?? '')?.shape ?? undefined;
}
