/**
 * ONNX bytes to layer graph and back: read, fold, shapes, layers, extract, pack.
 *
 * @packageDocumentation
 */

export {
  type AttributeSpec,
  buildModel,
  type GraphSpec,
  type InitializerSpec,
  type ModelSpec,
  type NodeSpec,
  type ValueSpec,
} from './build/build-model.ts';
export { onnxErrorTable } from './errors.ts';
export type {
  InferredValue,
  Manifest,
  ManifestLayer,
  ManifestTensor,
  ManifestWeight,
  OptimizationLevel,
  PackedModel,
  SegmentModel,
  ShapeInference,
  SpatialGeometry,
  WeightLocation,
} from './manifest.ts';
export { elementTypeOf, isOnnxElementType, type OnnxElementType } from './proto/element-codes.ts';
export type {
  Bytes,
  ExternalLocation,
  OnnxAttribute,
  OnnxDimension,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
  OperatorSet,
} from './proto/model.ts';
export { externalPaths, OLDEST_OPSET, type ReadOptions, readModel } from './proto/read-model.ts';
export type { ExternalFiles } from './proto/read-tensor.ts';
export { writeModel } from './proto/write-model.ts';
