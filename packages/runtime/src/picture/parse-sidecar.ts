import type { D3Error } from '@d3/errors';
import type { Manifest, ManifestTensor } from '@d3/onnx';
import { elementCount } from '@d3/tensor';
import { runtimeError } from '../errors.ts';
import { channelsOf } from './raster.ts';
import { readLabels } from './read-labels.ts';
import { checkForm, type RawInput, type RawOutput } from './sidecar-schema.ts';
import type { Sidecar, SidecarInput, SidecarOutput } from './types.ts';

/** What a sidecar is checked against. */
export type SidecarModel = Pick<Manifest, 'name' | 'tensors'>;

/**
 * Reads a `MODEL.d3.json` and checks that it fits its model. Inputs and outputs that it does not mention are plain tensors.
 *
 * @param json - the parsed file
 * @param readFile - gives the text of a file of labels that lies beside it: a JSON list, or one label a line
 * @throws D3Error `RUNTIME_SIDECAR_INVALID` naming the place: not of the form, an input or output that the model has not, sizes,
 * channels or labels that are not its shape's
 */
export async function parseSidecar(
  json: unknown,
  model: SidecarModel,
  readFile: (file: string) => Promise<string>,
): Promise<Sidecar> {
  const raw = checkForm(json);
  if (!('format' in raw)) throw sidecarError(model, raw.place, raw.reason);
  const inputs = model.tensors.filter((tensor) => tensor.isInput);
  const outputs = model.tensors.filter((tensor) => tensor.isOutput);
  checkNames(raw.inputs, inputs, { model, list: 'inputs' });
  checkNames(raw.outputs, outputs, { model, list: 'outputs' });
  return {
    format: 1,
    model: raw.model,
    inputs: inputs.map((tensor) => inputOf(raw.inputs, tensor, model)),
    outputs: await Promise.all(outputs.map((tensor) => outputOf(raw.outputs, tensor, { model, readFile }))),
  };
}

interface ListPlace {
  readonly model: SidecarModel;
  readonly list: 'inputs' | 'outputs';
}

function checkNames(
  entries: readonly { readonly name: string }[],
  tensors: readonly ManifestTensor[],
  { model, list }: ListPlace,
): void {
  const known = tensors.map((tensor) => tensor.name);
  entries.forEach(({ name }, index) => {
    const place = `/${list}/${index}/name`;
    if (!known.includes(name)) {
      throw sidecarError(model, place, `the model has no '${name}' among its ${list}: ${known.join(', ')}`);
    }
    if (entries.findIndex((entry) => entry.name === name) !== index) {
      throw sidecarError(model, place, `'${name}' is described twice: keep one`);
    }
  });
}

function inputOf(raw: readonly RawInput[], tensor: ManifestTensor, model: SidecarModel): SidecarInput {
  const index = raw.findIndex(({ name }) => name === tensor.name);
  const entry = raw[index];
  if (entry === undefined || entry.kind === 'tensor') return { name: tensor.name, kind: 'tensor' };
  const place = `/inputs/${index}`;
  const channels = channelsOf(entry.color);
  const { layout, height, width } = entry;
  const wanted = layout === 'NCHW' ? [1, channels, height, width] : [1, height, width, channels];
  if (tensor.type !== 'float32' || tensor.shape.join() !== wanted.join()) {
    const has = `${tensor.type} [${tensor.shape}]`;
    throw sidecarError(model, place, `input '${tensor.name}' is ${has} and this describes float32 [${wanted}]`);
  }
  if (entry.range[0] === entry.range[1]) {
    throw sidecarError(model, `${place}/range`, `${entry.range[0]} and ${entry.range[1]} must differ`);
  }
  const mean = entry.mean ?? [0];
  const std = entry.std ?? [1];
  for (const [key, list] of Object.entries({ mean, std })) {
    if (list.length === 1 || list.length === channels) continue;
    throw sidecarError(
      model,
      `${place}/${key}`,
      `it has ${list.length} values for ${channels} channels: give 1 or ${channels}`,
    );
  }
  if (std.includes(0)) throw sidecarError(model, `${place}/std`, 'it divides by 0: give other values');
  if (entry.kind === 'sketch') return { ...entry, mean, std };
  return {
    ...entry,
    mean,
    std,
    resize: entry.resize ?? { fit: 'cover', filter: 'bilinear' },
    alpha: entry.alpha ?? 'white',
  };
}

interface OutputContext {
  readonly model: SidecarModel;
  readonly readFile: (file: string) => Promise<string>;
}

async function outputOf(
  raw: readonly RawOutput[],
  tensor: ManifestTensor,
  { model, readFile }: OutputContext,
): Promise<SidecarOutput> {
  const index = raw.findIndex(({ name }) => name === tensor.name);
  const entry = raw[index];
  const place = `/outputs/${index}`;
  if (entry === undefined || entry.kind === 'tensor') return { name: tensor.name, kind: 'tensor' };
  if (entry.kind === 'image') {
    checkImageOutput(entry, tensor, { model, place });
    return entry;
  }
  const fail = (reason: string): D3Error => sidecarError(model, `${place}/labels`, reason);
  const labels = typeof entry.labels === 'string' ? await readLabels(entry.labels, readFile, fail) : entry.labels;
  const size = elementCount(tensor.shape);
  if (labels.length !== size) {
    throw fail(`there are ${labels.length} labels and output '${tensor.name}' has ${size} values`);
  }
  return { ...entry, labels };
}

function checkImageOutput(
  entry: Extract<RawOutput, { kind: 'image' }>,
  { name, shape }: ManifestTensor,
  { model, place }: { readonly model: SidecarModel; readonly place: string },
): void {
  const channels = channelsOf(entry.color);
  if (shape.length !== 4 || shape[0] !== 1 || shape[1] !== channels) {
    const reason = `output '${name}' is [${shape}] and a picture in ${entry.color} is [1,${channels},height,width]`;
    throw sidecarError(model, place, reason);
  }
  if (entry.range[0] === entry.range[1]) {
    throw sidecarError(model, `${place}/range`, `${entry.range[0]} and ${entry.range[1]} must differ`);
  }
}

function sidecarError(model: SidecarModel, place: string, reason: string): D3Error {
  return runtimeError('RUNTIME_SIDECAR_INVALID', { model: model.name, place, reason });
}
