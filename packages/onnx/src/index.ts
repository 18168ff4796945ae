/**
 * ONNX bytes to layer graph and back: read, fold, shapes, layers, extract, pack.
 *
 * `packModel` turns an ONNX file into a *packed model*: a manifest (the layer graph that `@d3/partition` plans with), the folded
 * graph without its weights, and one blob per distinct weight. `extractSegment` cuts the sub-model of any layers that an
 * assignment puts on one tier; run one after the other at the manifest's level, segments give the bits of the whole.
 *
 * Nothing here needs a runtime, the DOM or Node. The shapes of a graph are asked of a runtime through `ShapeInference`.
 *
 * @example
 * ```ts
 * const packed = await packModel(bytes, { name: modelNameOf('My Net.onnx'), infer });
 * const firstHalf = extractSegment(packed, [0, 1, 2], { locate: ({ id }) => ({ path: id, offset: 0 }) });
 * // firstHalf.bytes → a runtime, with packed.weights as its external data; firstHalf.inputs and .outputs: what crosses
 * ```
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
