import type { OnnxElementType } from '../proto/element-codes.ts';
import { rawByteLength } from '../proto/element-codes.ts';
import type {
  Bytes,
  ExternalLocation,
  OnnxAttribute,
  OnnxDimension,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
} from '../proto/model.ts';
import { writeModel } from '../proto/write-model.ts';

const TEXT = new TextEncoder();
const IR_VERSION = 8;
/** Opset 21 came with IR version 10 (ONNX 1.16). */
const LATE_OPSET = 21;
const LATE_IR_VERSION = 10;

/**
 * An attribute's value. A plain number or list is integer (what most attributes are); floats say so, because `1` alone could
 * be either.
 */
export type AttributeSpec =
  | number
  | bigint
  | string
  | readonly (number | bigint)[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly tensor: InitializerSpec }
  | { readonly graph: GraphSpec };

/** One operator. An empty name leaves an optional input or output out. */
export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
}

/** A graph input or output; an output may leave type and shape to the runtime. A string dimension is symbolic. */
export interface ValueSpec {
  readonly name: string;
  readonly type?: OnnxElementType;
  readonly shape?: readonly OnnxDimension[];
}

/** A constant: its data (kept as a view until the model is written), or the place of data that is given elsewhere. */
export interface InitializerSpec {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly number[];
  /** Little-endian elements. */
  readonly data?: ArrayBufferView<ArrayBuffer>;
  readonly external?: ExternalLocation;
}

/** A graph, also as the body of an If, Loop or Scan. */
export interface GraphSpec {
  readonly name?: string;
  readonly nodes: readonly NodeSpec[];
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly initializers?: readonly InitializerSpec[];
}

/** A model to build. */
export interface ModelSpec extends GraphSpec {
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Versions of other domains' operators. */
  readonly domains?: Readonly<Record<string, number>>;
  readonly irVersion?: number;
}

/**
 * Builds an ONNX file: for calibration, the zoo and tests. Node order is kept and must be topological.
 *
 * @example
 * ```ts
 * buildModel({
 *   opset: 17,
 *   inputs: [{ name: 'x', type: 'float32', shape: [1, 3, 8, 8] }],
 *   outputs: [{ name: 'y' }],
 *   nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }],
 *   initializers: [{ name: 'w', type: 'float32', shape: [4, 3, 3, 3], data: new Float32Array(108) }],
 * });
 * ```
 * @throws TypeError for data that does not fit its shape, and other mistakes of the caller
 */
export function buildModel(spec: ModelSpec): Bytes {
  return writeModel(modelOf(spec));
}

function modelOf(spec: ModelSpec): OnnxModel {
  return {
    irVersion: spec.irVersion ?? (spec.opset >= LATE_OPSET ? LATE_IR_VERSION : IR_VERSION),
    operatorSets: [
      { domain: '', version: spec.opset },
      ...Object.entries(spec.domains ?? {}).map(([domain, version]) => ({ domain, version })),
    ],
    graph: graphOf(spec),
    functions: [],
  };
}

function graphOf(spec: GraphSpec): OnnxGraph {
  return {
    name: spec.name ?? 'graph',
    nodes: spec.nodes.map(nodeOf),
    initializers: (spec.initializers ?? []).map(tensorOf),
    inputs: spec.inputs.map(graphValueOf),
    outputs: spec.outputs.map(graphValueOf),
    values: [],
  };
}

function nodeOf(spec: NodeSpec): OnnxNode {
  return {
    name: spec.name ?? '',
    op: spec.op,
    domain: spec.domain ?? '',
    overload: '',
    inputs: spec.inputs,
    outputs: spec.outputs,
    attributes: Object.entries(spec.attributes ?? {}).map(([name, value]) => attributeOf(name, value)),
  };
}

function attributeOf(name: string, value: AttributeSpec): OnnxAttribute {
  if (typeof value === 'number' || typeof value === 'bigint')
    return { name, kind: 'int', value: exactInt(name, value) };
  if (typeof value === 'string') return { name, kind: 'string', value: TEXT.encode(value) };
  if (isIntList(value)) return { name, kind: 'ints', value: value.map((item) => exactInt(name, item)) };
  if ('float' in value) return { name, kind: 'float', value: value.float };
  if ('floats' in value) return { name, kind: 'floats', value: value.floats };
  if ('strings' in value) return { name, kind: 'strings', value: value.strings.map((text) => TEXT.encode(text)) };
  if ('tensor' in value) return { name, kind: 'tensor', value: tensorOf(value.tensor) };
  return { name, kind: 'graph', value: graphOf(value.graph) };
}

function isIntList(value: AttributeSpec): value is readonly (number | bigint)[] {
  return Array.isArray(value);
}

function exactInt(name: string, value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new TypeError(`Attribute '${name}' is ${value}: write { float: ${value} } for a float`);
  }
  return BigInt(value);
}

function tensorOf(spec: InitializerSpec): OnnxTensor {
  const { name, type, shape, data, external } = spec;
  const expected = rawByteLength(
    type,
    shape.reduce((product, size) => product * size, 1),
  );
  if (external !== undefined) {
    return { name, type, shape, data: null, external: { length: expected, ...external } };
  }
  if (data === undefined || data.byteLength !== expected) {
    const actual = data?.byteLength ?? 0;
    throw new TypeError(`Initializer '${name}' of shape [${shape}] needs ${expected} bytes and has ${actual}`);
  }
  return { name, type, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

function graphValueOf(spec: ValueSpec): OnnxValue {
  return { name: spec.name, type: spec.type ?? null, shape: spec.shape ?? null };
}
