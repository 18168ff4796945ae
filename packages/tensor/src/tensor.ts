import { type ElementType, elementBytes } from './element-type.ts';
import { tensorError } from './errors.ts';

/**
 * A dense, row-major, little-endian tensor.
 *
 * `bytes` may be a view into a larger buffer; whoever creates a tensor keeps `byteOffset` a multiple of 8, so that
 * {@link typedView} needs no copy. The bytes are not copied when a tensor is passed on: a receiver that keeps one beyond
 * the call copies it, and a transfer to another worker names the buffer explicitly.
 */
export interface Tensor {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Tensors by name. */
export type TensorMap = Readonly<Record<string, Tensor>>;

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

/** Bytes that a tensor of this type and shape takes, uncoded. */
export function byteLength(type: ElementType, shape: readonly number[]): number {
  return elementCount(shape) * elementBytes(type);
}

/**
 * A checked tensor over `data`, without a copy.
 *
 * @param name - only for the error's text
 * @throws D3Error `TENSOR_SIZE_MISMATCH` when the bytes do not fit type and shape
 */
export function makeTensor(
  name: string,
  type: ElementType,
  shape: readonly number[],
  data: ArrayBufferView<ArrayBuffer>,
): Tensor {
  const expected = byteLength(type, shape);
  if (data.byteLength !== expected) {
    throw tensorError('TENSOR_SIZE_MISMATCH', {
      tensor: name,
      type,
      shape: shape.join(','),
      expected,
      actual: data.byteLength,
    });
  }
  return { type, shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/** The typed arrays that {@link typedView} gives; float16 as its raw 16-bit patterns, bool as bytes. */
export interface TypedViews {
  float32: Float32Array<ArrayBuffer>;
  float16: Uint16Array<ArrayBuffer>;
  int8: Int8Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  int64: BigInt64Array<ArrayBuffer>;
  bool: Uint8Array<ArrayBuffer>;
}

const VIEWS: {
  [T in ElementType]: new (
    buffer: ArrayBuffer,
    offset: number,
    length: number,
  ) => TypedViews[T];
} = {
  float32: Float32Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
};

/** The tensor's elements as a typed array over the same memory; a copy only if the bytes are misaligned. */
export function typedView<T extends ElementType>(tensor: Tensor & { readonly type: T }): TypedViews[T] {
  const size = elementBytes(tensor.type);
  const aligned = tensor.bytes.byteOffset % size === 0 ? tensor.bytes : tensor.bytes.slice();
  return new VIEWS[tensor.type as T](aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}
