import { type Manifest, readModel, type SegmentModel, writeModel } from '@d3/onnx';

/** The tensors that some split sends over a hop: made by a layer and read by another, or network outputs. */
export function crossingTensors(manifest: Manifest): string[] {
  const read = new Set(manifest.layers.flatMap((layer) => layer.inputs));
  const made = new Set(manifest.layers.flatMap((layer) => layer.outputs));
  return manifest.tensors.flatMap(({ name, isOutput }) =>
    made.has(name) && (isOutput || read.has(name)) ? [name] : [],
  );
}

/**
 * The whole model with every tensor that may cross a hop as an output: what boundary tensors are compared with.
 *
 * An output that is asked for cannot be fused away, so this could be another computation than the whole's. It must not be,
 * since a layer is all that the runtime fuses: verify also compares its network outputs with the whole's.
 */
export function tapWhole(whole: SegmentModel, manifest: Manifest): SegmentModel {
  const model = readModel(whole.bytes);
  const tensors = new Map(manifest.tensors.map((tensor) => [tensor.name, tensor]));
  const outputs = crossingTensors(manifest).flatMap((name) => tensors.get(name) ?? []);
  const values = outputs.map(({ name, type, shape }) => ({ name, type, shape }));
  return { ...whole, outputs, bytes: writeModel({ ...model, graph: { ...model.graph, outputs: values } }) };
}
