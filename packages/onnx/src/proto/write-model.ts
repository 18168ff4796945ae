import { elementCode } from './element-codes.ts';
import { MessageWriter } from './message-writer.ts';
import type { Bytes, OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.ts';

const PRODUCER = 'd3';

/**
 * Writes a model, the same bytes for the same model everywhere. Weights are written as raw data and copied exactly once;
 * those with an `external` location are written as that, whether or not their data is at hand.
 */
export function writeModel(model: OnnxModel): Bytes {
  const writer = new MessageWriter().int(1, model.irVersion).string(2, PRODUCER);
  writer.message(7, graphMessage(model.graph));
  for (const set of model.operatorSets) {
    writer.message(8, new MessageWriter().string(1, set.domain).int(2, set.version));
  }
  for (const bytes of model.functions) writer.bytes(25, bytes);
  return writer.finish();
}

function graphMessage(graph: OnnxGraph): MessageWriter {
  const writer = new MessageWriter();
  for (const node of graph.nodes) writer.message(1, nodeMessage(node));
  writer.string(2, graph.name);
  for (const tensor of graph.initializers) writer.message(5, tensorMessage(tensor));
  for (const value of graph.inputs) writer.message(11, valueMessage(value));
  for (const value of graph.outputs) writer.message(12, valueMessage(value));
  for (const value of graph.values) writer.message(13, valueMessage(value));
  return writer;
}

function nodeMessage(node: OnnxNode): MessageWriter {
  const writer = new MessageWriter();
  for (const name of node.inputs) writer.string(1, name);
  for (const name of node.outputs) writer.string(2, name);
  if (node.name !== '') writer.string(3, node.name);
  writer.string(4, node.op);
  for (const attribute of node.attributes) {
    if (attribute.kind === 'opaque') writer.bytes(5, attribute.value);
    else writer.message(5, attributeMessage(attribute));
  }
  if (node.domain !== '') writer.string(7, node.domain);
  if (node.overload !== '') writer.string(8, node.overload);
  return writer;
}

function attributeMessage(attribute: Exclude<OnnxAttribute, { kind: 'opaque' }>): MessageWriter {
  const writer = new MessageWriter().string(1, attribute.name);
  switch (attribute.kind) {
    case 'float':
      return writer.float(2, attribute.value).int(20, 1);
    case 'int':
      return writer.int(3, attribute.value).int(20, 2);
    case 'string':
      return writer.bytes(4, attribute.value).int(20, 3);
    case 'tensor':
      return writer.message(5, tensorMessage(attribute.value)).int(20, 4);
    case 'graph':
      return writer.message(6, graphMessage(attribute.value)).int(20, 5);
    case 'floats':
      return writer.packedFloats(7, attribute.value).int(20, 6);
    case 'ints':
      return writer.packedInts(8, attribute.value).int(20, 7);
    case 'strings':
      for (const value of attribute.value) writer.bytes(9, value);
      return writer.int(20, 8);
    case 'tensors':
      for (const value of attribute.value) writer.message(10, tensorMessage(value));
      return writer.int(20, 9);
    case 'graphs':
      for (const value of attribute.value) writer.message(11, graphMessage(value));
      return writer.int(20, 10);
  }
}

function tensorMessage(tensor: OnnxTensor): MessageWriter {
  const writer = new MessageWriter().packedInts(1, tensor.shape).int(2, elementCode(tensor.type));
  for (const value of tensor.strings ?? []) writer.bytes(6, value);
  writer.string(8, tensor.name);
  const { external } = tensor;
  if (external === undefined) {
    if (tensor.data !== null) writer.bytes(9, tensor.data);
    return writer;
  }
  const entry = (key: string, value: string) => writer.message(13, new MessageWriter().string(1, key).string(2, value));
  entry('location', external.path);
  entry('offset', String(external.offset));
  if (external.length !== undefined) entry('length', String(external.length));
  return writer.int(14, 1);
}

function valueMessage(value: OnnxValue): MessageWriter {
  const writer = new MessageWriter().string(1, value.name);
  if (value.opaque !== undefined) return writer.bytes(2, value.opaque);
  if (value.type === null) return writer;
  const tensor = new MessageWriter().int(1, elementCode(value.type));
  if (value.shape !== null) {
    const shape = new MessageWriter();
    for (const dimension of value.shape) {
      const message = new MessageWriter();
      if (typeof dimension === 'number') message.int(1, dimension);
      else if (dimension !== null) message.string(2, dimension);
      shape.message(1, message);
    }
    tensor.message(2, shape);
  }
  return writer.message(2, new MessageWriter().message(1, tensor));
}
