import type { Layer } from '@d3/partition';
import type { ElementType } from '@d3/tensor';

/** How far the runtime may fuse this model and still give the same bits when it is split (see docs/adr). */
export type OptimizationLevel = 'basic' | 'extended';

/** A tensor that may cross a layer border, with its fixed shape. */
export interface ManifestTensor {
  readonly name: string;
  readonly type: ElementType;
  /** Every dimension known: symbolic ones were fixed when the model was packed. */
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly isInput: boolean;
  readonly isOutput: boolean;
}

/** An initializer whose bytes lie in `weights/<id>` (smaller ones stay inside graph.onnx). */
export interface ManifestWeight {
  /** Initializer name in graph.onnx. */
  readonly name: string;
  /** SHA-256 of its bytes, lower-case hex; the blob's name. Equal weights share a blob. */
  readonly id: string;
  readonly bytes: number;
  readonly type: string;
  readonly shape: readonly number[];
}

/** The geometry of a spatial layer, for tiling; two spatial axes, [height, width]. */
export interface SpatialGeometry {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** [top, left, bottom, right], as ONNX orders them. */
  readonly pads: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** A layer of the manifest: what the planner needs, and which nodes of graph.onnx it is. */
export interface ManifestLayer extends Layer {
  /** Indices into the nodes of graph.onnx, ascending. */
  readonly nodes: readonly number[];
  /** Operator kinds of those nodes, in order. */
  readonly ops: readonly string[];
  /** Names of the external weights it reads (see {@link ManifestWeight.name}). */
  readonly weightNames: readonly string[];
  readonly spatial?: SpatialGeometry;
}

/**
 * A packed model's table of contents. Plain JSON, and the same bytes wherever it was made: arrays in graph order, keys in
 * declaration order. It is a `LayerGraph` of `@d3/partition` as it stands.
 */
export interface Manifest {
  readonly format: 1;
  /** From the file's name: `[a-z0-9._-]+`. */
  readonly name: string;
  /** SHA-256 of graph.onnx. Since that names every weight by its hash, it identifies the whole model. */
  readonly hash: string;
  /** SHA-256 of the file that was packed. */
  readonly sourceSha256: string;
  readonly level: OptimizationLevel;
  readonly opset: number;
  readonly layers: readonly ManifestLayer[];
  readonly tensors: readonly ManifestTensor[];
  readonly weights: readonly ManifestWeight[];
  readonly totalFlops: number;
  readonly totalWeightBytes: number;
}

/** A packed model in memory; on disk `manifest.json`, `graph.onnx`, `weights/<id>` and, if given, `model.d3.json`. */
export interface PackedModel {
  readonly manifest: Manifest;
  /** The folded graph; external weights have location `weights/<id>`, offset 0. */
  readonly graph: Uint8Array<ArrayBuffer>;
  /** Blobs by id; views into the source where nothing changed them. */
  readonly weights: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** One value's type and shape as a runtime reports it; a string dimension is symbolic. */
export interface InferredValue {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

/**
 * Asks a runtime for the shape of every tensor of a model, without running it. `@d3/runtime` implements it for browser and
 * Node; the model given has its weights turned into inputs and every tensor made an output.
 */
export type ShapeInference = (model: Uint8Array<ArrayBuffer>) => Promise<readonly InferredValue[]>;

/** Where an extracted segment looks for one of its weights: ONNX external data. */
export interface WeightLocation {
  readonly path: string;
  readonly offset: number;
}

/** A sub-model, ready for a runtime. */
export interface SegmentModel {
  /** ONNX bytes; its weights are external, at the locations that the caller chose. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly inputs: readonly ManifestTensor[];
  readonly outputs: readonly ManifestTensor[];
  /** The external weights it reads, each initializer once; equal ones share an `id`, so a loader looks at distinct ids. */
  readonly weights: readonly ManifestWeight[];
}
