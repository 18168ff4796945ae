import { onnxError } from '../errors.ts';
import type { Bytes, OnnxModel, OnnxNode, OnnxTensor } from '../proto/model.ts';
import { constantsOf } from '../proto/read-model.ts';
import { type OpenGraph, readsOf, writesOf } from './open-graph.ts';

/**
 * Opens a model's graph for work: Constant nodes become constants, inputs that only give an initializer's default are dropped
 * (D3 does not override weights), nodes are sorted topologically.
 *
 * @throws D3Error `ONNX_GRAPH_INVALID` for names made twice or never, and for cycles; `ONNX_FEATURE_UNSUPPORTED` for sparse
 *   constants; `ONNX_EXTERNAL_MISSING` for initializers without their data
 */
export function openModel(model: OnnxModel): OpenGraph {
  // Those inside nodes as well.
  for (const tensor of constantsOf(model.graph)) withData(tensor);
  const constants = new Map<string, OnnxTensor>();
  for (const tensor of model.graph.initializers) {
    if (constants.has(tensor.name)) throw invalid(`initializer '${tensor.name}' is there twice`);
    constants.set(tensor.name, withData(tensor));
  }
  const inputs = model.graph.inputs.filter((input) => !constants.has(input.name));
  const nodes: OnnxNode[] = [];
  for (const node of model.graph.nodes) {
    const tensor = node.op === 'Constant' && node.domain === '' ? constantOf(node) : undefined;
    if (tensor === undefined) nodes.push(node);
    else if (constants.has(tensor.name)) throw invalid(`tensor '${tensor.name}' is made twice`);
    else constants.set(tensor.name, tensor);
  }
  const named = { nodes: distinguishNodes(nodes), constants, inputs, outputs: model.graph.outputs };
  const graph = nameConstantOutputs(named);
  return { ...graph, nodes: sortNodes(graph, checkNames(graph)) };
}

/** Nodes of equal names, which runtimes refuse, told apart by a number; nameless ones stay so. */
function distinguishNodes(nodes: readonly OnnxNode[]): readonly OnnxNode[] {
  const taken = new Set(nodes.map((node) => node.name));
  const counts = new Map<string, number>();
  return nodes.map((node) => {
    let count = (counts.get(node.name) ?? 0) + 1;
    while (count > 1 && taken.has(`${node.name}_${count}`)) count++;
    counts.set(node.name, count);
    if (node.name === '' || count === 1) return node;
    const name = `${node.name}_${count}`;
    taken.add(name);
    return { ...node, name };
  });
}

/** An output that is a constant gets a node that makes it, since layers are what makes outputs. */
function nameConstantOutputs(graph: OpenGraph): OpenGraph {
  const constants = new Map(graph.constants);
  const nodes = [...graph.nodes];
  for (const { name } of graph.outputs) {
    if (graph.inputs.some((input) => input.name === name)) {
      const remedy = 'leave it out: whoever asks already has it';
      throw onnxError('ONNX_FEATURE_UNSUPPORTED', { feature: 'An output that is an input', place: name, remedy });
    }
    const tensor = graph.constants.get(name);
    if (tensor === undefined) continue;
    const value = `${name}.value`;
    if (constants.has(value)) throw invalid(`output '${name}' is a constant, and the name '${value}' is taken`);
    constants.delete(name);
    constants.set(value, { ...tensor, name: value });
    nodes.forEach((node, at) => {
      nodes[at] = { ...node, inputs: node.inputs.map((input) => (input === name ? value : input)) };
    });
    nodes.push({
      name: '',
      op: 'Identity',
      domain: '',
      overload: '',
      inputs: [value],
      outputs: [name],
      attributes: [],
    });
  }
  return { ...graph, nodes, constants };
}

function invalid(reason: string): Error {
  return onnxError('ONNX_GRAPH_INVALID', { reason });
}

function withData(tensor: OnnxTensor): OnnxTensor {
  if (tensor.external === undefined) return tensor;
  if (tensor.data === null) {
    throw onnxError('ONNX_EXTERNAL_MISSING', {
      tensor: tensor.name,
      bytes: tensor.external.length ?? 'its',
      offset: tensor.external.offset,
      path: tensor.external.path,
      found: 'no files were given',
    });
  }
  return { name: tensor.name, type: tensor.type, shape: tensor.shape, data: tensor.data };
}

/** The value of a Constant node, whichever attribute holds it. */
function constantOf(node: OnnxNode): OnnxTensor | undefined {
  const name = node.outputs[0] ?? '';
  const attribute = node.attributes.find(
    (candidate) => candidate.name.startsWith('value') || candidate.name === 'sparse_value',
  );
  if (attribute === undefined) throw invalid(`Constant '${name}' has no value`);
  const viewOf = (view: ArrayBufferView<ArrayBuffer>): Bytes => new Uint8Array(view.buffer);
  switch (attribute.kind) {
    case 'tensor':
      return withData({ ...attribute.value, name });
    case 'float':
      return { name, type: 'float32', shape: [], data: viewOf(Float32Array.of(attribute.value)) };
    case 'floats':
      return {
        name,
        type: 'float32',
        shape: [attribute.value.length],
        data: viewOf(Float32Array.from(attribute.value)),
      };
    case 'int':
      return { name, type: 'int64', shape: [], data: viewOf(BigInt64Array.of(attribute.value)) };
    case 'ints':
      return {
        name,
        type: 'int64',
        shape: [attribute.value.length],
        data: viewOf(BigInt64Array.from(attribute.value)),
      };
    case 'string':
      return { name, type: 'string', shape: [], data: null, strings: [attribute.value] };
    case 'strings':
      return { name, type: 'string', shape: [attribute.value.length], data: null, strings: attribute.value };
    default:
      throw onnxError('ONNX_FEATURE_UNSUPPORTED', {
        feature: 'A sparse constant',
        place: name,
        remedy: 'store the weights densely',
      });
  }
}

/** Which node makes each name; checks that every name is made once and only what exists is read. */
function checkNames(graph: OpenGraph): ReadonlyMap<string, number> {
  const makers = new Map<string, number>();
  const given = new Set([...graph.constants.keys(), ...graph.inputs.map((input) => input.name)]);
  if (given.size !== graph.constants.size + graph.inputs.length) throw invalid('two inputs have the same name');
  graph.nodes.forEach((node, index) => {
    for (const name of writesOf(node)) {
      if (makers.has(name) || given.has(name)) throw invalid(`tensor '${name}' is made twice`);
      makers.set(name, index);
    }
  });
  const exists = (name: string) => makers.has(name) || given.has(name);
  for (const node of graph.nodes) {
    const missing = readsOf(node).find((name) => !exists(name));
    if (missing !== undefined) throw invalid(`'${node.name || node.op}' reads '${missing}', which nothing makes`);
  }
  const missing = graph.outputs.find((output) => !exists(output.name));
  if (missing !== undefined) throw invalid(`nothing makes the output '${missing.name}'`);
  if (graph.outputs.length === 0) throw invalid('it has no output');
  return makers;
}

/** Topological order; the file's own where that is one, as the standard demands. */
function sortNodes(graph: OpenGraph, makers: ReadonlyMap<string, number>): readonly OnnxNode[] {
  const waits = graph.nodes.map((node) => new Set(readsOf(node).flatMap((name) => makers.get(name) ?? [])));
  const inOrder = waits.every((sources, index) => [...sources].every((source) => source < index));
  if (inOrder) return graph.nodes;
  const order = topologicalOrder(waits);
  if (order === undefined) throw invalid('its nodes form a cycle');
  return order.flatMap((index) => graph.nodes[index] ?? []);
}

/**
 * Topological order of items that wait for others, the lowest index first wherever there is a choice; undefined for a cycle.
 */
export function topologicalOrder(waitsFor: readonly ReadonlySet<number>[]): readonly number[] | undefined {
  const remaining = waitsFor.map((sources) => sources.size);
  const followers = new Map<number, number[]>();
  waitsFor.forEach((sources, index) => {
    for (const source of sources) {
      const list = followers.get(source);
      if (list === undefined) followers.set(source, [index]);
      else list.push(index);
    }
  });
  const ready = remaining.flatMap((count, index) => (count === 0 ? [index] : []));
  const order: number[] = [];
  for (let next = ready.shift(); next !== undefined; next = ready.shift()) {
    order.push(next);
    for (const follower of followers.get(next) ?? []) {
      const left = (remaining[follower] ?? 0) - 1;
      remaining[follower] = left;
      if (left === 0) insertSorted(ready, follower);
    }
  }
  return order.length === waitsFor.length ? order : undefined;
}

function insertSorted(list: number[], value: number): void {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, value);
}
