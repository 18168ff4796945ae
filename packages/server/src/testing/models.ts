import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildModel, type Manifest, type ManifestTensor, packModel } from '@d3/onnx';
import { parseSidecar } from '@d3/runtime';
import { inferShapes } from '@d3/runtime/node';
import { elementCount, makeTensor, type Tensor, type TensorMap } from '@d3/tensor';

/** The repository. */
export const ROOT: string = fileURLToPath(new URL('../../../../', import.meta.url));

/** The demo's model, part of the repository. */
export const SKETCH: string = join(ROOT, 'packages/zoo/sketch-resnet/sketch-resnet.onnx');

/** A third-party model; undefined, with a notice, when it is absent. */
export function thirdParty(file: string): string | undefined {
  const path = join(process.env.D3_MODELS ?? join(ROOT, '../shared/models'), file);
  if (existsSync(path)) return path;
  console.warn(`Skipping ${file}: ${path} is absent (set D3_MODELS)`);
  return undefined;
}

/** Packs a model, and the sidecar beside it, into a subfolder of `models`. */
export async function packInto(models: string, path: string): Promise<Manifest> {
  const name = basename(path, '.onnx').toLowerCase();
  const packed = await packModel(new Uint8Array(await readFile(path)), { name, infer: inferShapes });
  const folder = join(models, name);
  await mkdir(join(folder, 'weights'), { recursive: true });
  for (const [id, bytes] of packed.weights) await writeFile(join(folder, 'weights', id), bytes);
  await writeFile(join(folder, 'graph.onnx'), packed.graph);
  const sidecarFile = path.replace(/\.onnx$/, '.d3.json');
  if (existsSync(sidecarFile)) {
    const read = (file: string) => readFile(join(dirname(path), file), 'utf8');
    const sidecar = await parseSidecar(JSON.parse(await readFile(sidecarFile, 'utf8')), packed.manifest, read);
    await writeFile(join(folder, 'model.d3.json'), JSON.stringify(sidecar));
  }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(packed.manifest));
  return packed.manifest;
}

/**
 * Packs a chain of convolutions, 3.7 GFLOP in 16 layers: long enough that one run takes many turns on a core that is shared.
 */
export async function packChain(models: string): Promise<Manifest> {
  const [count, width, side] = [16, 64, 56];
  const shape = [1, width, side, side];
  const value = (name: string) => ({ name, type: 'float32' as const, shape });
  const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const weightShape = [width, width, 3, 3];
  const data = Float32Array.from({ length: elementCount(weightShape) }, (_, index) => Math.sin(index * 12.9898) / 16);
  const onnx = buildModel({
    opset: 17,
    nodes: Array.from({ length: count }, (_, index) => ({
      ...{ op: 'Conv', inputs: [`t${index}`, `w${index}`], outputs: [`t${index + 1}`], attributes },
    })),
    inputs: [value('t0')],
    outputs: [value(`t${count}`)],
    initializers: Array.from({ length: count }, (_, index) => ({
      ...{ name: `w${index}`, type: 'float32' as const, shape: weightShape, data },
    })),
  });
  const path = join(models, 'chain.onnx');
  await mkdir(models, { recursive: true });
  await writeFile(path, onnx);
  return await packInto(models, path);
}

/** Network inputs of a model. */
export function inputsOf({ tensors }: Manifest): readonly ManifestTensor[] {
  return tensors.filter(({ isInput }) => isInput);
}

/** Seeded values in [0, 1) for a model of float32 inputs. */
export function randomInputs(manifest: Manifest, seed: number): TensorMap {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const entries = inputsOf(manifest).map(({ name, shape }): [string, Tensor] => {
    const values = Float32Array.from({ length: elementCount(shape) }, next);
    return [name, makeTensor(name, 'float32', shape, values)];
  });
  return Object.fromEntries(entries);
}

/** An assignment of the layer order's prefixes: tier k starts at share `starts[k - 1]` of the layers. */
export function cutAt({ layers }: Manifest, starts: readonly number[]): readonly number[] {
  return layers.map((_, index) => starts.filter((share) => index >= share * layers.length).length);
}
