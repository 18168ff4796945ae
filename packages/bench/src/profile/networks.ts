import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildModel, type PackedModel, packModel } from '@d3/onnx';
import { inferShapes } from '@d3/runtime/node';
import { type NetworkName, networks, seededWeight } from '@d3/zoo';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const MODELS = process.env.D3_MODELS ?? `${ROOT}../shared/models`;

const FILES: Readonly<Record<string, string>> = {
  'sketch-resnet': `${ROOT}packages/zoo/sketch-resnet/sketch-resnet.onnx`,
  squeezenet: `${MODELS}/squeezenet1.1_fp32.onnx`,
};

const SEED = 1;

/** Packs a network of this repository, of the third-party files, or of the zoo with seeded weights; undefined when its file is absent. */
export async function loadNetwork(name: string): Promise<PackedModel | undefined> {
  const path = FILES[name];
  if (path !== undefined && !existsSync(path)) return undefined;
  const bytes = path === undefined ? zooModel(name as NetworkName) : new Uint8Array(await readFile(path));
  return await packModel(bytes, { name, infer: inferShapes });
}

/** With the weights inside the file. */
function zooModel(name: NetworkName): Uint8Array<ArrayBuffer> {
  const network = networks[name]();
  const seeded = network.weights.map((weight, index) => {
    const { name: weightName, type, shape } = weight;
    return { name: weightName, type, shape, data: seededWeight(weight, { seed: SEED, index }) };
  });
  const names = new Set(seeded.map((weight) => weight.name));
  const others = (network.spec.initializers ?? []).filter((known) => !names.has(known.name));
  return buildModel({ ...network.spec, initializers: [...others, ...seeded] });
}
