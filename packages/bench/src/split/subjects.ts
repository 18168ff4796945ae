import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { modelNameOf, type PackedModel, packModel, randomizeWeights } from '@d3/onnx';
import { inferShapes } from '@d3/runtime/node';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const MODELS = process.env.D3_MODELS ?? `${ROOT}../shared/models`;

/** Files to measure; those without real weights get seeded ones. */
const FILES = [
  { path: `${ROOT}packages/zoo/sketch-resnet/sketch-resnet.onnx`, randomize: false },
  { path: `${MODELS}/squeezenet1.1_fp32.onnx`, randomize: false },
  { path: `${MODELS}/light/light_resnet50.onnx`, randomize: true },
] as const;

const SEED = 1;

/** A model to measure, or why it is not. */
export type Subject = { readonly packed: PackedModel } | { readonly model: string; readonly reason: string };

/** Packs the models that are there. */
export async function packSubjects(): Promise<readonly Subject[]> {
  const subjects: Subject[] = [];
  for (const { path, randomize } of FILES) {
    const name = modelNameOf(path);
    if (!existsSync(path)) {
      subjects.push({ model: name, reason: `there is no ${path}: set D3_MODELS` });
      continue;
    }
    const file = new Uint8Array(await readFile(path));
    const bytes = randomize ? randomizeWeights(file, SEED) : file;
    subjects.push({ packed: await packModel(bytes, { name, infer: inferShapes }) });
  }
  return subjects;
}
