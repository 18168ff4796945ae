import { type OpenGraph, writesOf } from '../fold/open-graph.ts';
import type { Bytes, OnnxModel, OnnxTensor } from '../proto/model.ts';
import { writeModel } from '../proto/write-model.ts';

/** Larger constants than this become inputs; shapes do not depend on them, and they need not be copied. */
const MAX_KEPT_BYTES = 1024;
/** Shapes depend on integers; such tables are small beside weights. */
const SHAPE_TYPES: readonly string[] = ['int64', 'int32', 'bool', 'string'];

function isKept(tensor: OnnxTensor): boolean {
  return SHAPE_TYPES.includes(tensor.type) || (tensor.data?.byteLength ?? 0) <= MAX_KEPT_BYTES;
}

/**
 * The model that a runtime is asked about: large constants are inputs of their shape, and every tensor is an output, so that
 * creating a session derives every shape and nothing is run or copied.
 */
export function shapeModel(model: OnnxModel, graph: OpenGraph): Bytes {
  const constants = [...graph.constants.values()];
  const given = constants.filter((tensor) => !isKept(tensor));
  const named = new Map(graph.outputs.map((output) => [output.name, output]));
  const outputs = graph.nodes.flatMap(writesOf).map((name) => named.get(name) ?? { name, type: null, shape: null });
  return writeModel({
    ...model,
    graph: {
      name: 'shapes',
      nodes: graph.nodes,
      initializers: constants.filter(isKept),
      inputs: [...graph.inputs, ...given.map(({ name, type, shape }) => ({ name, type, shape }))],
      outputs,
      values: [],
    },
  });
}
