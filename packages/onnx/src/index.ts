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
export { exportSegment } from './extract/export-segment.ts';
export { extractSegment, type LocateOptions, type SegmentSource } from './extract/extract-segment.ts';
export { type SegmentBoundary, segmentBoundary } from './extract/segment-boundary.ts';
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
export { encodeManifest } from './pack/encode-manifest.ts';
export { modelNameOf, type PackOptions, type PackProgress, packModel } from './pack/pack-model.ts';
export { MAX_MANIFEST_BYTES, parseManifest } from './pack/parse-manifest.ts';
export { elementTypeOf, isOnnxElementType, type OnnxElementType } from './proto/element-codes.ts';
export type {
  Bytes,
  ExternalLocation,
  OnnxAttribute,
  OnnxAttributeValues,
  OnnxDimension,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
  OperatorSet,
} from './proto/model.ts';
export { externalPaths, OLDEST_OPSET, type ReadOptions, readModel } from './proto/read-model.ts';
export { type ExternalFiles, readTensor } from './proto/read-tensor.ts';
export { writeModel } from './proto/write-model.ts';
export { randomizeWeights } from './randomize/randomize-weights.ts';
export type { DimensionSizes } from './shapes/fix-dimensions.ts';
