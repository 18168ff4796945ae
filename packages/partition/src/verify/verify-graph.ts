import { partitionError } from '../errors.ts';
import type { Layer, LayerGraph } from '../problem.ts';

/**
 * Checks the rules of a layer graph (SPEC.md, section 1) and does nothing else.
 *
 * @throws PARTITION_GRAPH_INVALID, naming the layer or tensor and the rule
 */
export function verifyGraph(graph: LayerGraph): void {
  const known = verifyTensors(graph);
  const written = new Set<string>();
  const layerNames = new Set<string>();
  if (graph.layers.length === 0) fail('G1', 'graph', 'it has no layers; a network needs at least one');
  for (const layer of graph.layers) {
    if (layerNames.has(layer.name)) fail('G2', layer.name, 'two layers have this name; names must be unique');
    layerNames.add(layer.name);
    verifyReads(layer, known, written);
    verifyWrites(layer, known, written);
  }
  for (const tensor of graph.tensors) {
    if (!tensor.isInput && !written.has(tensor.name)) fail('G6', tensor.name, 'no layer writes this tensor');
  }
}

type Tensors = ReadonlyMap<string, LayerGraph['tensors'][number]>;

function verifyReads(layer: Layer, known: Tensors, written: ReadonlySet<string>): void {
  for (const name of layer.inputs) {
    const tensor = known.get(name);
    if (tensor === undefined) fail('G3', layer.name, `it reads '${name}', which is not among the tensors`);
    if (!tensor.isInput && !written.has(name)) {
      fail('G4', layer.name, `it reads '${name}' before any layer wrote it; list layers in topological order`);
    }
  }
}

function verifyWrites(layer: Layer, known: Tensors, written: Set<string>): void {
  for (const name of layer.outputs) {
    const tensor = known.get(name);
    if (tensor === undefined) fail('G3', layer.name, `it writes '${name}', which is not among the tensors`);
    if (tensor.isInput) fail('G5', layer.name, `it writes the network input '${name}'`);
    if (written.has(name)) fail('G5', layer.name, `it writes '${name}', which another layer has written`);
    written.add(name);
  }
}

function verifyTensors(graph: LayerGraph): Tensors {
  const known = new Map<string, LayerGraph['tensors'][number]>();
  for (const tensor of graph.tensors) {
    if (known.has(tensor.name)) fail('G2', tensor.name, 'two tensors have this name; names must be unique');
    known.set(tensor.name, tensor);
  }
  return known;
}

function fail(rule: string, name: string, fault: string): never {
  throw partitionError('PARTITION_GRAPH_INVALID', { rule, name, fault });
}
