import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractSegment, type Manifest, modelNameOf, type PackedModel, packModel } from '@d3/onnx';
import { type Tensor, type TensorMap, typedView } from '@d3/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, SegmentSession } from '../backend.ts';
import { normalise } from '../picture/normalise.ts';
import { parseSidecar } from '../picture/parse-sidecar.ts';
import { pixelsOf } from '../picture/pixels-of.ts';
import { readAnswer } from '../picture/read-answer.ts';
import type { Answer, Picture, Sidecar, Strokes } from '../picture/types.ts';
import { assembleWeights, createNodeBackend, decodePicture, inferShapes } from './index.ts';

const root = join(import.meta.dirname, '../../../..');
const thirdParty = process.env.D3_MODELS ?? join(root, '../shared/models');
const sketches = join(root, 'packages/zoo/sketch-resnet');

interface LoadedModel {
  readonly manifest: Manifest;
  readonly sidecar: Sidecar;
  prepare(layers: readonly number[]): Promise<SegmentSession>;
}

let scratch: string;
let backend: Backend;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'd3-models-'));
  backend = await createNodeBackend({ workers: 2 });
});
afterAll(async () => {
  await backend.dispose();
  await rm(scratch, { recursive: true });
});

async function load(folder: string, file: string): Promise<LoadedModel> {
  const bytes = new Uint8Array(await readFile(join(folder, `${file}.onnx`)));
  const packed = await packModel(bytes, { name: modelNameOf(file), infer: inferShapes });
  const { manifest } = packed;
  const json: unknown = JSON.parse(await readFile(join(folder, `${file}.d3.json`), 'utf8'));
  const sidecar = await parseSidecar(json, manifest, (name) => readFile(join(folder, name), 'utf8'));
  return { manifest, sidecar, prepare: await preparer(packed) };
}

async function preparer(packed: PackedModel): Promise<LoadedModel['prepare']> {
  const { manifest } = packed;
  const readBlob = async (id: string) => packed.weights.get(id) ?? new Uint8Array();
  const weights = await assembleWeights(manifest, readBlob, join(scratch, `${manifest.hash}.bin`));
  return (layers) =>
    backend.prepare({
      id: `${manifest.name}/${layers[0]}-${layers.at(-1)}`,
      model: extractSegment(packed, layers, weights),
      level: manifest.level,
      weights: { kind: 'folder', path: weights.folder },
    });
}

const allLayers = ({ manifest }: LoadedModel) => manifest.layers.map((_, index) => index);

function inputsFor({ sidecar }: LoadedModel, source: Picture | Strokes): Record<string, Tensor> {
  const [entry] = sidecar.inputs;
  if (entry === undefined) throw new TypeError('a model without inputs');
  return { [entry.name]: normalise(pixelsOf(source, entry), entry) };
}

const pictureAt = async (...path: string[]) => decodePicture(await readFile(join(...path)));

async function answerOf(model: LoadedModel, sources: readonly (Picture | Strokes)[]): Promise<Answer[]> {
  const session = await model.prepare(allLayers(model));
  const runs = await Promise.all(sources.map((source) => session.run(inputsFor(model, source))));
  await session.dispose();
  return runs.flatMap(({ outputs }) => readAnswer(outputs, model.sidecar));
}

function best(answer: Answer | undefined) {
  if (answer?.kind !== 'classes') throw new TypeError('expected classes');
  return answer.top[0];
}

describe.skipIf(!existsSync(sketches))('the sketch classifier', () => {
  it('knows every sample picture and every drawing', async () => {
    const model = await load(sketches, 'sketch-resnet');
    const { samples } = JSON.parse(await readFile(join(sketches, 'samples.json'), 'utf8')) as {
      samples: readonly { label: string; png: string; strokes: Strokes['strokes'] }[];
    };
    const labels = samples.map(({ label }) => label);
    expect(new Set(labels).size).toBe(24);
    const pictures = await Promise.all(samples.map(({ png }) => pictureAt(sketches, png)));
    const fromPictures = await answerOf(model, pictures);
    expect(fromPictures.map((answer) => best(answer)?.label)).toEqual(labels);
    expect(fromPictures.every((answer) => answer.kind === 'classes' && !answer.unsure)).toBe(true);
    const fromStrokes = await answerOf(
      model,
      samples.map(({ strokes }) => ({ strokes })),
    );
    expect(fromStrokes.map((answer) => best(answer)?.label)).toEqual(labels);
    expect(fromStrokes.every((answer) => answer.kind === 'classes' && !answer.unsure)).toBe(true);
  });

  it('gives the logits that it was exported with', async () => {
    const model = await load(sketches, 'sketch-resnet');
    const golden = JSON.parse(await readFile(join(sketches, 'golden.json'), 'utf8')) as {
      samples: readonly { png: string; logits: readonly number[] }[];
    };
    const session = await model.prepare(allLayers(model));
    for (const { png, logits } of golden.samples) {
      const { outputs } = await session.run(inputsFor(model, await pictureAt(sketches, png)));
      const { logits: found } = outputs;
      const values = found?.type === 'float32' ? typedView({ ...found, type: 'float32' }) : [];
      // Another framework's arithmetic, and folded BatchNorms.
      for (const [index, logit] of logits.entries()) expect(Math.abs((values[index] ?? 0) - logit)).toBeLessThan(1e-3);
    }
    await session.dispose();
  });
});

const absent = existsSync(thirdParty) ? '' : ` (skipped: no models at ${thirdParty}; set D3_MODELS)`;
describe.skipIf(absent !== '')(`third-party models${absent}`, () => {
  it('SqueezeNet sees a tabby cat and a tench', async () => {
    const model = await load(thirdParty, 'squeezenet1.1_fp32');
    const pictures = [await pictureAt(thirdParty, 'kitten_224.png'), await pictureAt(thirdParty, 'fish.png')];
    const [kitten, fish] = await answerOf(model, pictures);
    expect(best(kitten)).toMatchObject({ index: 281, label: 'tabby, tabby cat' });
    expect(best(kitten)?.score).toBeCloseTo(0.931, 3);
    expect(best(fish)).toMatchObject({ index: 0, label: 'tench, Tinca tinca' });
    expect(best(fish)?.score).toBeCloseTo(0.738, 3);
  });

  it('MNIST reads an 8', async () => {
    const model = await load(thirdParty, 'mnist-cntk');
    const [digit] = await answerOf(model, [await pictureAt(thirdParty, 'mnist_28.png')]);
    expect(best(digit)).toMatchObject({ index: 8, label: '8' });
  });

  it('super-resolution gives a larger picture of the same thing', async () => {
    const model = await load(thirdParty, 'superres_core');
    const kitten = await pictureAt(thirdParty, 'kitten_224.png');
    const [answer] = await answerOf(model, [kitten]);
    if (answer?.kind !== 'image') throw new TypeError('expected a picture');
    expect(answer.picture).toMatchObject({ width: 672, height: 672 });
    const [entry] = model.sidecar.inputs;
    if (entry?.kind !== 'image') throw new TypeError('expected an image input');
    const before = pixelsOf(kitten, entry).bytes;
    const after = pixelsOf(answer.picture, entry).bytes;
    const meanError =
      after.reduce((sum, value, index) => sum + Math.abs(value - (before[index] ?? 0)), 0) / after.length;
    // Shrunk back it is the same picture but for sharpness; two unrelated ones are some 70 apart.
    expect(meanError).toBeLessThan(12);
  });

  it('SqueezeNet in two parts gives the same bits as the whole, at every cut', async () => {
    const model = await load(thirdParty, 'squeezenet1.1_fp32');
    const layers = allLayers(model);
    const whole = await model.prepare(layers);
    const kitten = inputsFor(model, await pictureAt(thirdParty, 'kitten_224.png'));
    const fish = inputsFor(model, await pictureAt(thirdParty, 'fish.png'));
    const [wanted, other] = await Promise.all([whole.run(kitten), whole.run(fish)]);
    expect(bits(wanted.outputs)).not.toBe(bits(other.outputs));
    for (let cut = 1; cut < layers.length; cut++) {
      const [head, tail] = await Promise.all([model.prepare(layers.slice(0, cut)), model.prepare(layers.slice(cut))]);
      const { outputs: boundary } = await head.run(kitten);
      const { outputs } = await tail.run(boundary);
      expect(bits(outputs), `cut after layer ${cut - 1}`).toBe(bits(wanted.outputs));
      await Promise.all([head.dispose(), tail.dispose()]);
    }
    await whole.dispose();
  });
});

function bits(outputs: TensorMap): string {
  return Object.entries(outputs)
    .map(([name, { bytes }]) => `${name}:${Buffer.from(bytes).toString('base64')}`)
    .join(' ');
}
