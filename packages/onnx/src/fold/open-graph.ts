import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from '../proto/model.ts';

/**
 * A graph while D3 works on it: constants apart from nodes, inputs without the constants that may override them, nodes in
 * topological order, every name made once. Passes take one and give another; none changes its argument.
 */
export interface OpenGraph {
  readonly nodes: readonly OnnxNode[];
  /** In the order of the file. */
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** Every name that a node reads: its inputs, then what the bodies of control flow capture from outside. */
export function readsOf(node: OnnxNode): readonly string[] {
  const own = node.inputs.filter((name) => name !== '');
  const captured = capturedNames(node);
  return captured.length === 0 ? own : [...own, ...captured.filter((name) => !own.includes(name))];
}

/** The names of a node's outputs that it has. */
export function writesOf(node: OnnxNode): readonly string[] {
  return node.outputs.filter((name) => name !== '');
}

/** The names that the bodies of a control-flow node read from around it, each once. */
export function capturedNames(node: OnnxNode): readonly string[] {
  const names = new Set<string>();
  for (const attribute of node.attributes) {
    if (attribute.kind === 'graph') for (const name of freeNames(attribute.value)) names.add(name);
    if (attribute.kind === 'graphs')
      for (const graph of attribute.value) for (const name of freeNames(graph)) names.add(name);
  }
  return [...names];
}

function freeNames(graph: OnnxGraph): readonly string[] {
  const bound = new Set([...graph.inputs, ...graph.initializers].map((value) => value.name));
  for (const node of graph.nodes) for (const name of node.outputs) bound.add(name);
  const read = [...graph.nodes.flatMap(readsOf), ...graph.outputs.map((output) => output.name)];
  return read.filter((name) => name !== '' && !bound.has(name));
}

/** Who reads each name: node indices, ascending, each once. */
export function readersOf(nodes: readonly OnnxNode[]): ReadonlyMap<string, readonly number[]> {
  const readers = new Map<string, number[]>();
  nodes.forEach((node, index) => {
    for (const name of new Set(readsOf(node))) {
      const list = readers.get(name);
      if (list === undefined) readers.set(name, [index]);
      else list.push(index);
    }
  });
  return readers;
}

/** The graph without nodes and constants that no output depends on. */
export function pruneUnused(graph: OpenGraph): OpenGraph {
  const needed = new Set(graph.outputs.map((output) => output.name));
  const kept: OnnxNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    kept.push(node);
    for (const name of readsOf(node)) needed.add(name);
  }
  const constants = new Map([...graph.constants].filter(([name]) => needed.has(name)));
  return { ...graph, nodes: kept.toReversed(), constants };
}
