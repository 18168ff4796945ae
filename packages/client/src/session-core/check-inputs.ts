import type { Manifest, ManifestTensor } from '@d3/onnx';
import type { Tensor, TensorMap } from '@d3/tensor';
import { clientError } from '../errors.ts';

/**
 * Checks a caller's tensors against the inputs of a model: every input there, none else, of the right type, shape and size.
 *
 * @throws D3Error `CLIENT_INPUT_UNKNOWN`, `CLIENT_INPUT_MISSING`, `CLIENT_INPUT_MISMATCH`
 */
export function checkInputs(manifest: Manifest, tensors: TensorMap): void {
  const inputs = manifest.tensors.filter((tensor) => tensor.isInput);
  for (const name of Object.keys(tensors)) {
    if (inputs.some((input) => input.name === name)) continue;
    const known = inputs.map((input) => `'${input.name}'`).join(', ');
    throw clientError('CLIENT_INPUT_UNKNOWN', { model: manifest.name, input: name, known });
  }
  for (const input of inputs) checkInput(manifest.name, input, tensors[input.name]);
}

function checkInput(model: string, input: ManifestTensor, tensor: Tensor | undefined): void {
  const { name, type } = input;
  const shape = input.shape.join(',');
  if (tensor === undefined) throw clientError('CLIENT_INPUT_MISSING', { input: name, model, type, shape });
  const actual = describe(tensor);
  const expected = `${type} [${shape}] in ${input.bytes} bytes`;
  if (actual !== expected) throw clientError('CLIENT_INPUT_MISMATCH', { input: name, model, actual, expected });
}

/** In words, what a caller gave; it may be anything. */
function describe(tensor: Tensor | null): string {
  const { type, shape, bytes }: Partial<Tensor> = tensor ?? {};
  if (!Array.isArray(shape) || !(bytes instanceof Uint8Array)) return 'no tensor {type, shape, bytes}';
  return `${type} [${shape.join(',')}] in ${bytes.byteLength} bytes`;
}
