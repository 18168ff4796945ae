import type { Manifest, ManifestTensor } from '@d3/onnx';

/** What a caller would have to ask otherwise of another version of a model, in words; undefined if nothing. */
export function interfaceChange(before: Manifest, after: Manifest): string | undefined {
  for (const [kind, isSide] of [
    ['input', (tensor: ManifestTensor) => tensor.isInput],
    ['output', (tensor: ManifestTensor) => tensor.isOutput],
  ] as const) {
    const [was, is] = [before, after].map(({ tensors }) => tensors.filter(isSide).map(describe).toSorted().join(', '));
    if (was !== is) return `its ${kind}s are ${is} and were ${was}`;
  }
  return undefined;
}

function describe({ name, type, shape }: ManifestTensor): string {
  return `${name} ${type}[${shape.join()}]`;
}
