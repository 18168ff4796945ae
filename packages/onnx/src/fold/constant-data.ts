import type { OnnxElementType } from '../proto/element-codes.ts';
import { rawByteLength } from '../proto/element-codes.ts';
import type { Bytes, OnnxTensor } from '../proto/model.ts';

/** A constant without its name: what an exact operator makes. */
export interface ConstantValue {
  readonly type: OnnxElementType;
  readonly shape: readonly number[];
  readonly data: Bytes;
}

/** A copy of `bytes` if their address is no multiple of `width`, as typed arrays need. */
function aligned(bytes: Bytes, width: number): Bytes {
  return bytes.byteOffset % width === 0 ? bytes : bytes.slice();
}

/** A float32 constant's elements, over its own memory where alignment allows; undefined for anything else. */
export function floatsOf(tensor: OnnxTensor | ConstantValue | undefined): Float32Array<ArrayBuffer> | undefined {
  if (tensor === undefined || tensor.type !== 'float32' || tensor.data === null) return undefined;
  const bytes = aligned(tensor.data, 4);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** A float32 constant over `values`' memory. */
export function floatTensor(name: string, shape: readonly number[], values: Float32Array<ArrayBuffer>): OnnxTensor {
  return { name, type: 'float32', shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** The element types that D3 computes with when it folds. */
export type ComputedType = 'float32' | 'float64' | 'int64' | 'int32' | 'uint8' | 'int8' | 'bool';

const COMPUTED: readonly string[] = ['float32', 'float64', 'int64', 'int32', 'uint8', 'int8', 'bool'];

/** Whether D3 computes with this type. */
export function isComputed(type: OnnxElementType): type is ComputedType {
  return COMPUTED.includes(type);
}

/** Elements of a type that D3 computes with: `bigint` for int64, `number` for all others, bool as 0 and 1. */
export function elementsOf(value: ConstantValue): readonly (number | bigint)[] {
  const { data, type } = value;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = (width: number, get: (at: number) => number | bigint) =>
    Array.from({ length: data.byteLength / width }, (_, index) => get(index * width));
  switch (type) {
    case 'float32':
      return read(4, (at) => view.getFloat32(at, true));
    case 'float64':
      return read(8, (at) => view.getFloat64(at, true));
    case 'int64':
      return read(8, (at) => view.getBigInt64(at, true));
    case 'int32':
      return read(4, (at) => view.getInt32(at, true));
    case 'int8':
      return read(1, (at) => view.getInt8(at));
    default:
      return read(1, (at) => view.getUint8(at));
  }
}

/** A constant of these elements, each rounded or wrapped to its type. */
export function constantOf(
  type: ComputedType,
  shape: readonly number[],
  elements: readonly (number | bigint)[],
): ConstantValue {
  const width = rawByteLength(type, 1);
  const view = new DataView(new ArrayBuffer(elements.length * width));
  elements.forEach((element, index) => {
    if (type === 'int64') view.setBigInt64(index * 8, BigInt(element), true);
    else if (type === 'float32') view.setFloat32(index * 4, Number(element), true);
    else if (type === 'float64') view.setFloat64(index * 8, Number(element), true);
    else if (type === 'int32') view.setInt32(index * 4, Number(element), true);
    else if (type === 'bool') view.setUint8(index, Number(element) === 0 ? 0 : 1);
    else view.setUint8(index, Number(element));
  });
  return { type, shape, data: new Uint8Array(view.buffer) };
}

/** An integer constant's elements as numbers; undefined for other types or values past 2⁵³. */
export function intsOf(value: ConstantValue | OnnxTensor | undefined): readonly number[] | undefined {
  if (value === undefined || value.data === null || (value.type !== 'int64' && value.type !== 'int32'))
    return undefined;
  return elementsOf({ ...value, data: value.data }).map((element) => {
    const number = Number(element);
    return Number.isSafeInteger(number) ? number : Math.sign(number) * Number.MAX_SAFE_INTEGER;
  });
}

/** Number of elements of a shape. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
