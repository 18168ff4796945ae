import { onnxError } from '../errors.ts';
import { elementTypeOf } from './element-codes.ts';
import { onBytes, onFloat, onInt, onInts, onNumber, onString, readMessage } from './field-reader.ts';
import type { Bytes, OnnxAttribute, OnnxDimension, OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from './model.ts';
import { type ExternalFiles, readTensor } from './read-tensor.ts';

const MAX_GRAPH_DEPTH = 16;

/** What a graph's reader needs besides its bytes. */
export interface GraphContext {
  readonly files: ExternalFiles | undefined;
  /** Levels of control flow around this graph. */
  readonly depth: number;
}

/** Reads a GraphProto. */
export function readGraph(bytes: Bytes, context: GraphContext): OnnxGraph {
  if (context.depth > MAX_GRAPH_DEPTH) throw new RangeError(`graphs nested more than ${MAX_GRAPH_DEPTH} deep`);
  let name = '';
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const values: OnnxValue[] = [];
  readMessage(bytes, {
    1: onBytes((value) => nodes.push(readNode(value, context))),
    2: onString((value) => {
      name = value;
    }),
    5: onBytes((value) => initializers.push((context.depth === 0 ? readTensor : readInner)(value, context.files))),
    11: onBytes((value) => inputs.push(readValue(value))),
    12: onBytes((value) => outputs.push(readValue(value))),
    13: onBytes((value) => values.push(readValue(value))),
    15: () => {
      const remedy = 'store the weights densely';
      throw onnxError('ONNX_FEATURE_UNSUPPORTED', { feature: 'A sparse initializer', place: name || 'graph', remedy });
    },
  });
  return { name, nodes, initializers, inputs, outputs, values };
}

function readNode(bytes: Bytes, context: GraphContext): OnnxNode {
  const node = { name: '', op: '', domain: '', overload: '' };
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: OnnxAttribute[] = [];
  readMessage(bytes, {
    1: onString((value) => inputs.push(value)),
    2: onString((value) => outputs.push(value)),
    3: onString((value) => {
      node.name = value;
    }),
    4: onString((value) => {
      node.op = value;
    }),
    5: onBytes((value) => attributes.push(readAttribute(value, context))),
    7: onString((value) => {
      node.domain = value === 'ai.onnx' ? '' : value;
    }),
    8: onString((value) => {
      node.overload = value;
    }),
  });
  if (node.op === '') throw new RangeError(`node '${node.name}' has no operator`);
  return { ...node, inputs, outputs, attributes };
}

/** Every value that an AttributeProto may carry; which one counts is said by its type. */
interface AttributeFields {
  name: string;
  type: number;
  f: number;
  i: bigint;
  s: Bytes;
  t: OnnxTensor | null;
  g: OnnxGraph | null;
  readonly floats: number[];
  readonly ints: bigint[];
  readonly strings: Bytes[];
  readonly tensors: OnnxTensor[];
  readonly graphs: OnnxGraph[];
  /** The type that the fields present imply, for old files that state none. */
  implied: number;
}

function readAttribute(bytes: Bytes, context: GraphContext): OnnxAttribute {
  const fields = readAttributeFields(bytes, { ...context, depth: context.depth + 1 });
  const { name } = fields;
  switch (fields.type === 0 ? fields.implied : fields.type) {
    case 1:
      return { name, kind: 'float', value: fields.f };
    case 2:
      return { name, kind: 'int', value: fields.i };
    case 3:
      return { name, kind: 'string', value: fields.s };
    case 4:
      if (fields.t === null) throw new RangeError(`attribute '${name}' lacks its tensor`);
      return { name, kind: 'tensor', value: fields.t };
    case 5:
      if (fields.g === null) throw new RangeError(`attribute '${name}' lacks its graph`);
      return { name, kind: 'graph', value: fields.g };
    case 6:
      return { name, kind: 'floats', value: fields.floats };
    case 7:
      return { name, kind: 'ints', value: fields.ints };
    case 8:
      return { name, kind: 'strings', value: fields.strings };
    case 9:
      return { name, kind: 'tensors', value: fields.tensors };
    case 10:
      return { name, kind: 'graphs', value: fields.graphs };
    default:
      return { name, kind: 'opaque', value: bytes };
  }
}

function readAttributeFields(bytes: Bytes, context: GraphContext): AttributeFields {
  const fields: AttributeFields = {
    name: '',
    type: 0,
    f: 0,
    i: 0n,
    s: new Uint8Array(0),
    t: null,
    g: null,
    floats: [],
    ints: [],
    strings: [],
    tensors: [],
    graphs: [],
    implied: 0,
  };
  const implies = (type: number) => {
    fields.implied = type;
  };
  readMessage(bytes, {
    1: onString((value) => {
      fields.name = value;
    }),
    2: onFloat((value) => {
      fields.f = value;
      implies(1);
    }),
    3: onInt((value) => {
      fields.i = value;
      implies(2);
    }),
    4: onBytes((value) => {
      fields.s = value;
      implies(3);
    }),
    5: onBytes((value) => {
      fields.t = readInner(value, context.files);
      implies(4);
    }),
    6: onBytes((value) => {
      fields.g = readGraph(value, context);
      implies(5);
    }),
    7: (reader, wire) => {
      readFloats(reader, wire, fields.floats);
      implies(6);
    },
    8: onInts((value) => {
      fields.ints.push(value);
      implies(7);
    }),
    9: onBytes((value) => {
      fields.strings.push(value);
      implies(8);
    }),
    10: onBytes((value) => fields.tensors.push(readInner(value, context.files))),
    11: onBytes((value) => fields.graphs.push(readGraph(value, context))),
    20: onNumber((value) => {
      fields.type = value;
    }),
  });
  return fields;
}

const readFloats = (reader: Parameters<ReturnType<typeof onFloat>>[0], wire: number, into: number[]): void => {
  if (wire === 5) {
    into.push(reader.float());
    return;
  }
  const bytes = reader.bytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= view.byteLength; at += 4) into.push(view.getFloat32(at, true));
};

/** A tensor inside a node: it stays with the node, so its data go inside once they are given. */
function readInner(bytes: Bytes, files: ExternalFiles | undefined): OnnxTensor {
  const { external, ...tensor } = readTensor(bytes, files);
  return external === undefined || tensor.data !== null ? tensor : { ...tensor, external };
}

function readValue(bytes: Bytes): OnnxValue {
  let name = '';
  let type: Omit<OnnxValue, 'name'> = { type: null, shape: null };
  readMessage(bytes, {
    1: onString((value) => {
      name = value;
    }),
    2: onBytes((value) => {
      type = readType(value);
    }),
  });
  return { name, ...type };
}

function readType(bytes: Bytes): Omit<OnnxValue, 'name'> {
  let tensor: Omit<OnnxValue, 'name'> | undefined;
  readMessage(bytes, {
    1: onBytes((value) => {
      tensor = readTensorType(value);
    }),
  });
  return tensor ?? { type: null, shape: null, opaque: bytes };
}

function readTensorType(bytes: Bytes): Omit<OnnxValue, 'name'> {
  let code = 0;
  let shape: OnnxDimension[] | null = null;
  readMessage(bytes, {
    1: onNumber((value) => {
      code = value;
    }),
    2: onBytes((value) => {
      const dimensions: OnnxDimension[] = [];
      readMessage(value, { 1: onBytes((dimension) => dimensions.push(readDimension(dimension))) });
      shape = dimensions;
    }),
  });
  return { type: elementTypeOf(code) ?? null, shape };
}

function readDimension(bytes: Bytes): OnnxDimension {
  let dimension: OnnxDimension = null;
  readMessage(bytes, {
    1: onNumber((value) => {
      dimension = value < 0 ? null : value;
    }),
    2: onString((value) => {
      dimension = value === '' ? null : value;
    }),
  });
  return dimension;
}
