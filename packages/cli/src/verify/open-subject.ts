import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Manifest, type ManifestTensor, randomizeWeights } from '@d3/onnx';
import { normalise, pixelsOf, type SegmentSpec } from '@d3/runtime';
import { decodePicture } from '@d3/runtime/node';
import type { Tensor } from '@d3/tensor';
import { cliError } from '../errors.ts';
import { type OpenModel, openModel, type SourceFile } from '../model/open-model.ts';
import { pathKind, readFileBytes } from '../model/read-file.ts';
import { readTensorFile, requireSidecar } from '../model/read-input.ts';
import type { GivenInput } from './references.ts';
import type { VerifySubject } from './verify-model.ts';

/**
 * Opens a model for verification, with the inputs that lie beside it (`MODEL.test/NAME/input_0.pb`) and those given.
 *
 * @throws D3Error as {@link openModel}, and for an input that does not fit
 */
export async function openSubject(
  path: string,
  options: { readonly randomWeights?: number; readonly input: readonly string[] },
): Promise<VerifySubject> {
  const { randomWeights: seed, input } = options;
  const model = await openModel(
    path,
    seed === undefined ? {} : { transform: (source) => withRandomWeights(source, seed) },
  );
  if (seed !== undefined && model.source === undefined) {
    throw cliError('CLI_BAD_USAGE', {
      problem: `'${path}' is a packed model, whose weights are what its hash says`,
      remedy: 'give --random-weights with the ONNX file that it was packed from',
    });
  }
  const beside = seed === undefined ? await recordedInputs(path, model) : [];
  const given = await Promise.all(input.map((file) => givenInput(file, model)));
  return {
    packed: model.packed,
    sidecar: model.sidecar,
    original: originalOf(path, model),
    given: [...beside, ...given],
    randomWeights: seed,
  };
}

function withRandomWeights({ bytes, external }: SourceFile, seed: number): SourceFile {
  return { bytes: randomizeWeights(bytes, seed, { external }), external };
}

/** The file as it was, to say how far folding moved it. Its own optimisations are the safest ones. */
function originalOf(path: string, { source, manifest }: OpenModel): SegmentSpec | undefined {
  if (source === undefined) return undefined;
  return {
    id: `${manifest.name} as it was`,
    model: { bytes: source.bytes, inputs: inputsOf(manifest), outputs: outputsOf(manifest), weights: [] },
    level: 'basic',
    weights: source.external.size > 0 ? { kind: 'folder', path: dirname(path) } : { kind: 'blobs', blobs: new Map() },
  };
}

async function recordedInputs(path: string, { manifest }: OpenModel): Promise<GivenInput[]> {
  const folder = path.replace(/\.onnx$/i, '.test');
  if (folder === path || (await pathKind(folder)) !== 'folder') return [];
  const cases = (await readdir(folder)).sort();
  return await Promise.all(
    cases.map(async (name) => {
      const inputs = await readTensors(join(folder, name), { stem: 'input', wanted: inputsOf(manifest), manifest });
      const outputs = await readTensors(join(folder, name), { stem: 'output', wanted: outputsOf(manifest), manifest });
      return { label: name, inputs, outputs };
    }),
  );
}

async function readTensors(
  folder: string,
  files: { readonly stem: string; readonly wanted: readonly ManifestTensor[]; readonly manifest: Manifest },
): Promise<Record<string, Tensor>> {
  const { stem, wanted, manifest } = files;
  const entries = wanted.map(async (tensor, index) => {
    const file = join(folder, `${stem}_${index}.pb`);
    return [tensor.name, await readTensorFile(file, { model: manifest.name, wanted: tensor })] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function givenInput(path: string, model: OpenModel): Promise<GivenInput> {
  const { manifest, sidecar } = model;
  const [wanted] = inputsOf(manifest);
  if (path.endsWith('.pb') && wanted !== undefined) {
    const tensor = await readTensorFile(path, { model: manifest.name, wanted });
    return { label: path, inputs: { [wanted.name]: tensor } };
  }
  requireSidecar(model);
  const picture = decodePicture(await readFileBytes(path, 'a PNG or JPEG picture, or a .pb tensor'));
  const inputs = (sidecar?.inputs ?? []).map(
    (input) => [input.name, normalise(pixelsOf(picture, input), input)] as const,
  );
  return { label: path, inputs: Object.fromEntries(inputs) };
}

function inputsOf(manifest: Manifest): ManifestTensor[] {
  return manifest.tensors.filter((tensor) => tensor.isInput);
}

function outputsOf(manifest: Manifest): ManifestTensor[] {
  return manifest.tensors.filter((tensor) => tensor.isOutput);
}
