import { foldBatchNorms } from '../fold/fold-batch-norm.ts';
import { foldConstants } from '../fold/fold-constants.ts';
import { type OpenGraph, pruneUnused, readsOf, writesOf } from '../fold/open-graph.ts';
import { openModel } from '../fold/open-model.ts';
import { removeIdentities } from '../fold/remove-identities.ts';
import { chooseLevel } from '../layers/choose-level.ts';
import { describeLayers } from '../layers/describe-layers.ts';
import { fenceHalfs } from '../layers/fence-halfs.ts';
import { fenceReductions } from '../layers/fence-reductions.ts';
import { indexGraph } from '../layers/graph-index.ts';
import { groupNodes } from '../layers/group-nodes.ts';
import type { Manifest, ManifestWeight, PackedModel, ShapeInference } from '../manifest.ts';
import type { Bytes, OnnxModel, OnnxNode, OnnxTensor } from '../proto/model.ts';
import { readModel } from '../proto/read-model.ts';
import type { ExternalFiles } from '../proto/read-tensor.ts';
import { writeModel } from '../proto/write-model.ts';
import { type DimensionSizes, fixDimensions } from '../shapes/fix-dimensions.ts';
import { inferShapes } from '../shapes/infer-shapes.ts';
import { boundaryTensors, type TensorLookup, tensorsOf } from './boundary-tensors.ts';
import { MODEL_NAME } from './json-checks.ts';
import { nameWeights } from './name-weights.ts';
import { sha256 } from './sha256.ts';

/** The IR version that first lets initializers be without a graph input. */
const MIN_IR_VERSION = 4;

/** How far {@link packModel} has come; `done` and `total` are bytes for `weights`, steps otherwise. */
export interface PackProgress {
  readonly stage: 'read' | 'shapes' | 'weights' | 'done';
  readonly done: number;
  readonly total: number;
}

/** What {@link packModel} needs beside the file. */
export interface PackOptions {
  /** `[a-z0-9._-]+`; see {@link modelNameOf}. */
  readonly name: string;
  readonly infer: ShapeInference;
  /** Sizes of symbolic dimensions other than the batch, which is 1 unless it is named here. */
  readonly dims?: DimensionSizes;
  /** The data files of a model with external data; see {@link externalPaths}. */
  readonly external?: ExternalFiles;
  readonly signal?: AbortSignal;
  /** Called as the work goes on. */
  readonly onProgress?: (progress: PackProgress) => void;
}

/**
 * Packs an ONNX model: folds what is constant, derives shapes and layers, and gives every larger weight a blob named by its
 * hash. The result is the same bytes in every browser and in Node. Blobs are views into `bytes` and the external files, save
 * those that folding changed; keep the sources unchanged as long as the packed model lives.
 *
 * @throws D3Error any `ONNX_…` of this package's table; the signal's reason when aborted; RangeError for a bad name
 */
export async function packModel(bytes: Bytes, options: PackOptions): Promise<PackedModel> {
  if (!MODEL_NAME.test(options.name)) {
    throw new RangeError(`Model name '${options.name}' must match ${MODEL_NAME}`);
  }
  const report = options.onProgress ?? (() => undefined);
  report({ stage: 'read', done: 0, total: 1 });
  const sourceSha256 = await sha256(bytes);
  const source = readModel(bytes, options.external === undefined ? {} : { external: options.external });
  const model = { ...source, irVersion: Math.max(source.irVersion, MIN_IR_VERSION) };
  options.signal?.throwIfAborted();
  report({ stage: 'shapes', done: 0, total: 1 });
  const opened = fixDimensions(openModel(model), options.dims ?? {});
  const shaped = await inferShapes(model, foldGraph(opened), options.infer);
  options.signal?.throwIfAborted();
  const reduced = fenceReductions(indexGraph(shaped.graph, shaped.types));
  const { index, joined } = fenceHalfs(reduced.index, groupNodes(reduced.index, reduced.joined));
  const { graph } = index;
  const tensorOf = boundaryTensors(index);
  const { weights, blobs } = await nameWeights(graph, options);
  const { layers, nodes } = describeLayers(index, groupNodes(index, [...reduced.joined, ...joined]), weights);
  const graphBytes = writeModel(packedGraph(model, { graph, nodes, weights, tensorOf }));
  const manifest: Manifest = {
    format: 1,
    name: options.name,
    hash: await sha256(graphBytes),
    sourceSha256,
    level: chooseLevel(index),
    opset: model.operatorSets.find((set) => set.domain === '')?.version ?? 0,
    layers,
    tensors: tensorsOf(index, layers, tensorOf),
    weights: [...weights.values()],
    totalFlops: layers.reduce((sum, layer) => sum + layer.flops, 0),
    totalWeightBytes: [...blobs.values()].reduce((sum, blob) => sum + blob.byteLength, 0),
  };
  report({ stage: 'done', done: 1, total: 1 });
  return { manifest, graph: graphBytes, weights: blobs };
}

/** A model's name from its file's: `My Net.onnx` → `my-net`. */
export function modelNameOf(path: string): string {
  const file = path.split(/[\\/]/).at(-1) ?? '';
  const name = file
    .replace(/\.onnx$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-');
  return name.replace(/^[-.]+|-+$/g, '') || 'model';
}

function foldGraph(opened: OpenGraph): OpenGraph {
  const constant = pruneUnused(foldConstants(opened, new Map()));
  return pruneUnused(foldBatchNorms(removeIdentities(constant)));
}

interface PackedParts {
  readonly graph: OpenGraph;
  readonly nodes: readonly OnnxNode[];
  readonly weights: ReadonlyMap<string, ManifestWeight>;
  readonly tensorOf: TensorLookup;
}

function packedGraph(model: OnnxModel, parts: PackedParts): OnnxModel {
  const { graph, nodes, weights, tensorOf } = parts;
  const names = [...new Set(nodes.flatMap(readsOf))];
  const initializers = names.flatMap((name): OnnxTensor[] => {
    const tensor = graph.constants.get(name);
    const weight = weights.get(name);
    if (tensor === undefined) return [];
    if (weight === undefined) return [tensor];
    const external = { path: `weights/${weight.id}`, offset: 0, length: weight.bytes };
    return [{ name, type: tensor.type, shape: tensor.shape, data: null, external }];
  });
  const graphValue = (name: string) => {
    const { type, shape } = tensorOf(name);
    return { name, type, shape };
  };
  const outputs = graph.outputs.map((output) => graphValue(output.name));
  const made = new Set(nodes.flatMap(writesOf));
  if (outputs.some((output) => !made.has(output.name))) throw new RangeError('An output without a node');
  const inputs = graph.inputs.map((input) => graphValue(input.name));
  return { ...model, graph: { name: model.graph.name || 'graph', nodes, initializers, inputs, outputs, values: [] } };
}
