import { onnxError } from '../errors.ts';
import type { Manifest, ManifestTensor } from '../manifest.ts';

/** The tensors that go in and out of a set of layers. */
export interface SegmentBoundary {
  /** Read and not written, in the order of the manifest. */
  readonly inputs: readonly ManifestTensor[];
  /** Written, and read by another layer or an output of the network, in the order of the manifest. */
  readonly outputs: readonly ManifestTensor[];
}

/**
 * What crosses the border of a set of layers.
 *
 * @throws D3Error `ONNX_SEGMENT_INVALID` when the set is empty, names no layer of the model or one twice, or when data would
 *   have to leave it and come back, as the rule of assignments forbids
 */
export function segmentBoundary(manifest: Manifest, layers: readonly number[]): SegmentBoundary {
  const chosen = new Set(layers);
  const invalid = (reason: string) =>
    onnxError('ONNX_SEGMENT_INVALID', { layers: layers.join(', '), model: manifest.name, reason });
  if (layers.length === 0) throw invalid('it holds none, and a tier without layers needs no segment');
  if (chosen.size !== layers.length) throw invalid('one is named twice');
  const stray = layers.find((layer) => manifest.layers[layer] === undefined);
  if (stray !== undefined) throw invalid(`${stray} is not one of ${manifest.layers.length} layers`);
  const returning = returningTensor(manifest, chosen);
  if (returning !== undefined) throw invalid(`'${returning}' is made from what it gives and goes back into it`);
  const read = new Set<string>();
  const written = new Set<string>();
  const readOutside = new Set<string>();
  manifest.layers.forEach((layer, index) => {
    for (const name of layer.inputs) (chosen.has(index) ? read : readOutside).add(name);
    if (chosen.has(index)) for (const name of layer.outputs) written.add(name);
  });
  return {
    inputs: manifest.tensors.filter(({ name }) => read.has(name) && !written.has(name)),
    outputs: manifest.tensors.filter(({ name, isOutput }) => written.has(name) && (isOutput || readOutside.has(name))),
  };
}

/** A tensor that depends on the chosen layers through others, and that a chosen one reads. */
function returningTensor(manifest: Manifest, chosen: ReadonlySet<number>): string | undefined {
  const made = new Set<string>();
  const detour = new Set<string>();
  for (const [index, layer] of manifest.layers.entries()) {
    const back = layer.inputs.find((name) => detour.has(name));
    if (chosen.has(index)) {
      if (back !== undefined) return back;
      for (const name of layer.outputs) made.add(name);
    } else if (back !== undefined || layer.inputs.some((name) => made.has(name))) {
      for (const name of layer.outputs) detour.add(name);
    }
  }
  return undefined;
}
