import type { InferInput } from '@d3/client';
import type { ManifestTensor } from '@d3/onnx';
import { readTensor } from '@d3/onnx';
import { decodePicture } from '@d3/runtime/node';
import { isElementType, makeTensor, type Tensor } from '@d3/tensor';
import { cliError } from '../errors.ts';
import type { OpenModel } from './open-model.ts';
import { readFileBytes } from './read-file.ts';

/**
 * Reads what `d3 infer` is to run on: a `.pb` tensor for a model of one input, or else a picture.
 *
 * @throws D3Error `CLI_FILE_UNREADABLE`, `CLI_INPUT_MISMATCH`, `CLI_NO_SIDECAR`, `RUNTIME_PICTURE_INVALID`
 */
export async function readInput(path: string, model: OpenModel): Promise<InferInput> {
  if (path.endsWith('.pb')) {
    const [input, ...more] = model.manifest.tensors.filter((tensor) => tensor.isInput);
    if (input === undefined || more.length > 0) {
      throw cliError('CLI_BAD_USAGE', {
        problem: `'${model.manifest.name}' has ${more.length + (input === undefined ? 0 : 1)} inputs and one .pb file was given`,
        remedy: 'only models of one input take one',
      });
    }
    const tensor = await readTensorFile(path, { model: model.manifest.name, wanted: input });
    return { kind: 'tensors', tensors: { [input.name]: tensor } };
  }
  const picture = decodePicture(await readFileBytes(path, 'a PNG or JPEG picture, or a .pb tensor'));
  requireSidecar(model);
  return { kind: 'picture', picture };
}

/**
 * Refuses a model that has no sidecar to turn a picture into its input.
 *
 * @throws D3Error `CLI_NO_SIDECAR`
 */
export function requireSidecar(model: OpenModel): void {
  if (model.sidecar !== undefined) return;
  throw cliError('CLI_NO_SIDECAR', { model: model.manifest.name, sidecar: model.sidecarPath });
}

/**
 * Reads a tensor in ONNX's own form and checks it against what the model wants.
 *
 * @throws D3Error `CLI_FILE_UNREADABLE`, `CLI_INPUT_MISMATCH`
 */
export async function readTensorFile(
  path: string,
  target: { readonly model: string; readonly wanted: ManifestTensor },
): Promise<Tensor> {
  const { model, wanted } = target;
  const bytes = await readFileBytes(path, 'a .pb tensor');
  const expected = `${wanted.type} [${wanted.shape}]`;
  const refuse = (actual: string, cause?: unknown) =>
    cliError('CLI_INPUT_MISMATCH', { path, input: wanted.name, model, actual, expected }, { cause });
  let read: ReturnType<typeof readTensor>;
  try {
    read = readTensor(bytes, undefined);
  } catch (cause) {
    throw refuse(`no tensor (${cause instanceof Error ? cause.message : cause})`, cause);
  }
  const { type, shape, data } = read;
  if (!isElementType(type) || data === null) throw refuse(`elements of type ${type}`);
  if (type !== wanted.type || shape.join() !== wanted.shape.join()) throw refuse(`${type} [${shape}]`);
  // A copy: the file's tensor may lie at any alignment.
  return makeTensor(wanted.name, type, wanted.shape, data.slice());
}
