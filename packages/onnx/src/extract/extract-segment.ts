import { onnxError } from '../errors.ts';
import { readsOf } from '../fold/open-graph.ts';
import type { Manifest, ManifestTensor, ManifestWeight, SegmentModel, WeightLocation } from '../manifest.ts';
import type { Bytes, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from '../proto/model.ts';
import { readModel } from '../proto/read-model.ts';
import { writeModel } from '../proto/write-model.ts';
import { segmentBoundary } from './segment-boundary.ts';

/** The parts of a packed model that a segment is cut from. */
export interface SegmentSource {
  readonly manifest: Manifest;
  /** graph.onnx. It is parsed once per array: give the same one again. */
  readonly graph: Bytes;
}

/** Says where a segment's runtime will find a weight. */
export interface LocateOptions {
  /** Where the runtime will find a weight. */
  readonly locate: (weight: ManifestWeight) => WeightLocation;
}

const parsed = new WeakMap<Bytes, OnnxModel>();

/** The graph of a packed model, parsed once as long as its bytes live. */
export function parseGraph(graph: Bytes): OnnxModel {
  const known = parsed.get(graph);
  if (known !== undefined) return known;
  const model = readModel(graph);
  parsed.set(graph, model);
  return model;
}

/**
 * Cuts the sub-model of some layers out of a packed model: its inputs are the tensors that the layers read and do not write, its
 * outputs those that others read or that the network gives. Weights are named, not held; small constants are inside.
 *
 * @param layers - indices, in any order; closed under the rule of assignments (nothing leaves and comes back)
 * @throws D3Error `ONNX_SEGMENT_INVALID`, `ONNX_PACK_INVALID` when manifest and graph do not belong together
 */
export function extractSegment(source: SegmentSource, layers: readonly number[], options: LocateOptions): SegmentModel {
  const weights: ManifestWeight[] = [];
  const external = (weight: ManifestWeight): OnnxTensor => {
    weights.push(weight);
    const { path, offset } = options.locate(weight);
    return { ...initializerOf(weight), external: { path, offset, length: weight.bytes } };
  };
  const { model, inputs, outputs } = segmentModel(source, layers, external);
  return { bytes: writeModel(model), inputs, outputs, weights };
}

/** An initializer of a weight, without its data. */
export function initializerOf(weight: ManifestWeight): OnnxTensor {
  return { name: weight.name, type: weight.type as OnnxTensor['type'], shape: weight.shape, data: null };
}

/** A segment before it is written. */
export interface OpenSegment {
  readonly model: OnnxModel;
  readonly inputs: readonly ManifestTensor[];
  readonly outputs: readonly ManifestTensor[];
}

/** Selects the nodes of some layers; `weightOf` makes the initializer of each external weight, called once for each. */
export function segmentModel(
  source: SegmentSource,
  layers: readonly number[],
  weightOf: (weight: ManifestWeight) => OnnxTensor,
): OpenSegment {
  const { manifest } = source;
  const { inputs, outputs } = segmentBoundary(manifest, layers);
  const whole = parseGraph(source.graph);
  const chosen = new Set(layers.flatMap((layer) => manifest.layers[layer]?.nodes ?? []));
  const nodes = [...chosen].sort((a, b) => a - b).map((at) => nodeOf(whole, at));
  const weights = new Map(manifest.weights.map((weight) => [weight.name, weight]));
  const read = new Set(nodes.flatMap(readsOf));
  const initializers = whole.graph.initializers
    .filter((tensor) => read.has(tensor.name))
    .map((tensor) => (tensor.external === undefined ? tensor : weightOf(knownWeight(weights, tensor))));
  const name = `${whole.graph.name}.segment`;
  const graph = {
    name,
    nodes,
    initializers,
    inputs: inputs.map(graphValue),
    outputs: outputs.map(graphValue),
    values: [],
  };
  return { model: { ...whole, graph }, inputs, outputs };
}

function nodeOf(whole: OnnxModel, at: number): OnnxNode {
  const node = whole.graph.nodes[at];
  if (node !== undefined) return node;
  const reason = `the manifest names node ${at}, and the graph has ${whole.graph.nodes.length}`;
  throw onnxError('ONNX_PACK_INVALID', { reason, place: 'layers' });
}

/** The manifest's entry of an initializer: the graph, which the model's hash is of, has the last word on which blob that is. */
function knownWeight(weights: ReadonlyMap<string, ManifestWeight>, tensor: OnnxTensor): ManifestWeight {
  const weight = weights.get(tensor.name);
  const invalid = (reason: string) =>
    onnxError('ONNX_PACK_INVALID', { reason: `the graph reads '${tensor.name}', ${reason}`, place: 'weights' });
  if (weight === undefined) throw invalid('which is not listed');
  const path = tensor.external?.path ?? '';
  if (path !== `weights/${weight.id}`) throw invalid(`which lies in ${path} there and in weights/${weight.id} here`);
  if (tensor.type !== weight.type || tensor.shape.join() !== weight.shape.join()) {
    throw invalid(`which is ${tensor.type} [${tensor.shape}] there and ${weight.type} [${weight.shape}] here`);
  }
  return weight;
}

function graphValue(tensor: ManifestTensor): OnnxValue {
  return { name: tensor.name, type: tensor.type, shape: tensor.shape };
}
