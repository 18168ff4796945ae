import type { Manifest, ManifestLayer, ManifestWeight } from '../manifest.ts';
import { misfit } from './json-checks.ts';

/**
 * Checks that a manifest fits together: names are unique, layers come after what they read, weights exist with the sizes that
 * layers give, sums add up.
 *
 * @throws D3Error `ONNX_PACK_INVALID`
 */
export function checkReferences(manifest: Manifest): void {
  const { layers, tensors, weights } = manifest;
  unique(
    'tensors',
    tensors.map((tensor) => tensor.name),
  );
  unique(
    'weights',
    weights.map((weight) => weight.name),
  );
  unique(
    'layers',
    layers.map((layer) => layer.name),
  );
  if (layers.length === 0) throw misfit('layers', 'there is none');
  if (!tensors.some((tensor) => tensor.isOutput)) throw misfit('tensors', 'none is an output of the network');
  checkOrder(manifest);
  const known = new Map(weights.map((weight) => [weight.name, weight]));
  for (const [index, layer] of layers.entries()) checkWeights(known, layer, `layers[${index}]`);
  const blobs = new Map<string, number>();
  for (const { id, bytes, name } of weights) {
    if ((blobs.get(id) ?? bytes) !== bytes) throw misfit('weights', `'${name}' shares a blob of another size`);
    blobs.set(id, bytes);
  }
  checkSum('totalWeightBytes', manifest.totalWeightBytes, [...blobs.values()]);
  checkSum(
    'totalFlops',
    manifest.totalFlops,
    layers.map((layer) => layer.flops),
  );
}

function unique(place: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (name === '') throw misfit(place, 'one has no name');
    if (seen.has(name)) throw misfit(place, `'${name}' is there twice`);
    seen.add(name);
  }
}

function checkOrder({ layers, tensors }: Manifest): void {
  const listed = new Set(tensors.map((tensor) => tensor.name));
  const made = new Set(tensors.filter((tensor) => tensor.isInput).map((tensor) => tensor.name));
  for (const [index, layer] of layers.entries()) {
    const early = layer.inputs.find((name) => !made.has(name));
    if (early !== undefined) throw misfit(`layers[${index}].inputs`, `'${early}' is not made before`);
    for (const name of layer.outputs) {
      if (!listed.has(name)) throw misfit(`layers[${index}].outputs`, `'${name}' is not among the tensors`);
      if (made.has(name)) throw misfit(`layers[${index}].outputs`, `'${name}' is made twice`);
      made.add(name);
    }
    const ascending = layer.nodes.every((node, at) => at === 0 || node > (layer.nodes[at - 1] ?? node));
    if (layer.nodes.length === 0 || !ascending) throw misfit(`layers[${index}].nodes`, 'ascending indices belong here');
    if (layer.ops.length !== layer.nodes.length) throw misfit(`layers[${index}].ops`, 'one for each node belongs here');
  }
  const orphan = tensors.find((tensor) => !made.has(tensor.name));
  if (orphan !== undefined) throw misfit('tensors', `nothing makes '${orphan.name}'`);
}

function checkWeights(known: ReadonlyMap<string, ManifestWeight>, layer: ManifestLayer, place: string): void {
  const needed = new Map<string, number>();
  for (const name of layer.weightNames) {
    const weight = known.get(name);
    if (weight === undefined) throw misfit(`${place}.weightNames`, `'${name}' is not among the weights`);
    needed.set(weight.id, weight.bytes);
  }
  const refs = layer.weights ?? [];
  const fits = refs.length === needed.size && refs.every(({ id, bytes }) => needed.get(id) === bytes);
  if (!fits) throw misfit(`${place}.weights`, 'they are not those that weightNames names');
  checkSum(`${place}.weightBytes`, layer.weightBytes, [...needed.values()]);
}

function checkSum(place: string, total: number, parts: readonly number[]): void {
  const sum = parts.reduce((running, part) => running + part, 0);
  if (sum !== total) throw misfit(place, `${total} is not the sum of its parts, ${sum}`);
}
