import { type ElementType, elementBytes, elementCount, type Tensor, typedView } from '@d3/tensor';
import { protocolError } from '../errors.ts';
import type { JsonField } from '../json-field.ts';

/** Names of element types in the Open Inference Protocol. */
export type InferDatatype = 'FP32' | 'FP16' | 'INT8' | 'UINT8' | 'INT32' | 'INT64' | 'BOOL';

const DATATYPES: { readonly [T in ElementType]: InferDatatype } = {
  float32: 'FP32',
  float16: 'FP16',
  int8: 'INT8',
  uint8: 'UINT8',
  int32: 'INT32',
  int64: 'INT64',
  bool: 'BOOL',
};
const TYPES: ReadonlyMap<string, ElementType> = new Map(
  Object.entries(DATATYPES).map(([type, datatype]) => [datatype, type as ElementType]),
);

/** The protocol's name of an element type. */
export function datatypeOf(type: ElementType): InferDatatype {
  return DATATYPES[type];
}

/** @throws D3Error `PROTOCOL_INFER_DATATYPE` for one that D3 does not carry (FP64, BYTES, …) */
export function elementTypeOf(tensor: string, datatype: string): ElementType {
  const type = TYPES.get(datatype);
  if (type !== undefined) return type;
  const supported = [...TYPES.keys()].join(', ');
  throw protocolError('PROTOCOL_INFER_DATATYPE', { tensor, datatype: datatype.slice(0, 64), supported });
}

/**
 * Reads a JSON `data` array, flat or nested as the shape says.
 *
 * @param form - its size was checked against limits
 * @throws D3Error `PROTOCOL_INFER_MALFORMED`
 */
export function parseJsonData(
  field: JsonField,
  form: { readonly type: ElementType; readonly shape: readonly number[] },
): Tensor {
  const { type, shape } = form;
  if (type === 'float16') throw field.refuse('FP16 has no JSON form: send it as binary data');
  const count = elementCount(shape);
  const bytes = new Uint8Array(count * elementBytes(type));
  const tensor = { type, shape, bytes };
  const put = writerOf(tensor);
  const nested = Array.isArray(field.value) && Array.isArray(field.value[0]);
  fill(field, nested ? shape : [count], { put, at: 0 });
  return tensor;
}

/**
 * The JSON text of a tensor's `data`, flat; exact, 64-bit integers too.
 *
 * @throws D3Error `PROTOCOL_INFER_NOT_JSON` for FP16, and for values that JSON cannot hold
 */
export function writeJsonData(name: string, tensor: Tensor): string {
  if (tensor.type === 'float16') {
    throw protocolError('PROTOCOL_INFER_NOT_JSON', { tensor: name, problem: 'FP16 has no JSON form' });
  }
  if (tensor.type === 'float32') return writeFloats(name, typedView({ ...tensor, type: tensor.type }));
  if (tensor.type === 'bool') return `[${Array.from(tensor.bytes, (byte) => byte !== 0).join(',')}]`;
  return `[${typedView({ ...tensor, type: tensor.type }).join(',')}]`;
}

function writeFloats(tensor: string, values: Float32Array): string {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw protocolError('PROTOCOL_INFER_NOT_JSON', { tensor, problem: `element ${bad} is ${values[bad]}` });
  }
  return `[${Array.from(values, (value) => (Object.is(value, -0) ? '-0' : String(value))).join(',')}]`;
}

function fill(field: JsonField, shape: readonly number[], into: { readonly put: Put; at: number }): void {
  const [size = 1, ...rest] = shape;
  const items = field.array(size);
  if (items.length !== size) throw field.refuse(`has ${items.length} items and its shape needs ${size}`);
  if (rest.length > 0) {
    for (const item of field.items(size)) fill(item, rest, into);
    return;
  }
  items.forEach((item, index) => {
    const problem = into.put(into.at++, item);
    if (problem !== undefined) throw field.refuse(`item ${index} ${problem}`);
  });
}

type Put = (at: number, value: unknown) => string | undefined;

function writerOf(tensor: Tensor): Put {
  const { type } = tensor;
  if (type === 'int64') {
    const view = typedView({ ...tensor, type });
    return (at, value) => {
      if (!Number.isSafeInteger(value)) return 'must be an integer within ±(2^53 − 1): send larger ones as binary data';
      view[at] = BigInt(value as number);
      return undefined;
    };
  }
  const view = typedView({ ...tensor, type });
  if (view instanceof BigInt64Array) throw new TypeError('int64 is handled above');
  return (at, value) => {
    const number = type === 'bool' && typeof value === 'boolean' ? Number(value) : value;
    if (typeof number !== 'number') return `must be ${type === 'bool' ? 'true or false' : 'a number'}`;
    view[at] = number;
    const fits =
      type === 'float32' ? Number.isFinite(view[at]) : view[at] === number && !(type === 'bool' && number > 1);
    return fits ? undefined : `is ${number}, which is no ${DATATYPES[type]}`;
  };
}
