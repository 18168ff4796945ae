/**
 * Tensors as plain bytes: what crosses workers, sockets and backends alike.
 *
 * @packageDocumentation
 */
export { ELEMENT_TYPES, type ElementType, elementBytes, isElementType } from './element-type.ts';
export { tensorErrorTable } from './errors.ts';
export {
  byteLength,
  elementCount,
  makeTensor,
  type Tensor,
  type TensorMap,
  type TypedViews,
  typedView,
} from './tensor.ts';
