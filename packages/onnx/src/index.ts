/**
 * ONNX bytes to layer graph and back: read, fold, shapes, layers, extract, pack.
 *
 * @packageDocumentation
 */
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
