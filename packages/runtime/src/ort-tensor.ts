import { ELEMENT_TYPES, isElementType, type Tensor, typedView } from '@d3/tensor';
import type { Tensor as OrtTensor, TensorConstructor } from 'onnxruntime-common';
import { runtimeError } from './errors.ts';

/**
 * A runtime tensor over the same memory (a copy only if the bytes are misaligned): float16 goes in as its 16-bit patterns,
 * bool as bytes, int64 as BigInts.
 *
 * @param Constructor - the `Tensor` of onnxruntime-node or onnxruntime-web: each knows only its own
 */
export function toOrtTensor(Constructor: TensorConstructor, tensor: Tensor): OrtTensor {
  return new Constructor(tensor.type, typedView(tensor) as never, tensor.shape) as OrtTensor;
}

/**
 * The runtime's tensor as bytes over the same memory; its data must lie on the CPU.
 *
 * @throws D3Error `RUNTIME_TYPE_UNSUPPORTED` for a type that D3 does not carry, e.g. string or float64
 */
export function fromOrtTensor(name: string, tensor: OrtTensor): Tensor {
  const { type, dims } = tensor;
  if (!isElementType(type)) {
    throw runtimeError('RUNTIME_TYPE_UNSUPPORTED', { tensor: name, type, supported: ELEMENT_TYPES.join(', ') });
  }
  const data = tensor.data as unknown as ArrayBufferView<ArrayBuffer>;
  return { type, shape: [...dims], bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}
