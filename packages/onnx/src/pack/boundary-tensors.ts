import { byteLength, isElementType } from '@d3/tensor';
import { onnxError } from '../errors.ts';
import type { GraphIndex } from '../layers/graph-index.ts';
import type { ManifestLayer, ManifestTensor } from '../manifest.ts';

/** Gives the manifest's entry of a tensor. */
export type TensorLookup = (name: string) => ManifestTensor;

/**
 * Looks tensors up, and refuses network inputs and outputs that D3 cannot carry.
 *
 * @throws D3Error `ONNX_TENSOR_UNSUPPORTED`
 */
export function boundaryTensors(index: GraphIndex): TensorLookup {
  const inputs = new Set(index.graph.inputs.map((input) => input.name));
  const describe = (name: string): ManifestTensor => {
    const value = index.types.get(name);
    const isInput = inputs.has(name);
    const isOutput = index.outputs.has(name);
    const role = isInput ? 'Input' : isOutput ? 'Output' : 'Tensor';
    if (name === '__proto__') {
      const remedy = 'it cannot be a key of a JavaScript object; rename it in the model';
      throw onnxError('ONNX_TENSOR_UNSUPPORTED', { role, tensor: name, found: 'of a name that is reserved', remedy });
    }
    if (value === undefined || value.type === null || !isElementType(value.type)) {
      const found = value?.type ? `of type ${value.type}` : 'no dense tensor';
      const remedy =
        'D3 carries float32, float16, int8, uint8, int32, int64 and bool between tiers; cast it in the model';
      throw onnxError('ONNX_TENSOR_UNSUPPORTED', { role, tensor: name, found, remedy });
    }
    if (value.shape === null) {
      const remedy =
        'D3 needs every size before it runs; cut the model before the operator that decides it (NonZero, …)';
      const found = 'of a shape that depends on the data';
      throw onnxError('ONNX_TENSOR_UNSUPPORTED', { role, tensor: name, found, remedy });
    }
    const { type, shape } = value;
    return { name, type, shape, bytes: byteLength(type, shape), isInput, isOutput };
  };
  for (const value of [...index.graph.inputs, ...index.graph.outputs]) describe(value.name);
  return describe;
}

/** Every tensor that layers read or write, in graph order: inputs, then as they are made. */
export function tensorsOf(
  index: GraphIndex,
  layers: readonly ManifestLayer[],
  tensorOf: TensorLookup,
): readonly ManifestTensor[] {
  const names = new Set([
    ...index.graph.inputs.map((input) => input.name),
    ...layers.flatMap((layer) => layer.outputs),
  ]);
  return [...names].map(tensorOf);
}
