import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeManifest, extractSegment, type PackedModel, packModel } from '@d3/onnx';
import { createNodeBackend, inferShapes } from '@d3/runtime/node';
import type { TensorMap } from '@d3/tensor';

/** An ONNX file and what lies beside it. */
export interface ModelFiles {
  readonly name: string;
  readonly folder: string;
  readonly onnx: string;
  readonly sidecar: string;
  readonly labels: string;
}

/** Packs a model into `models/NAME`, as a server reads it. */
export async function packInto(models: string, files: ModelFiles): Promise<PackedModel> {
  const target = join(models, files.name);
  const source = new Uint8Array(await readFile(join(files.folder, files.onnx)));
  const packed = await packModel(source, { name: files.name, infer: inferShapes });
  await mkdir(join(target, 'weights'), { recursive: true });
  for (const [id, bytes] of packed.weights) await writeFile(join(target, 'weights', id), bytes);
  await writeFile(join(target, 'graph.onnx'), packed.graph);
  await copyFile(join(files.folder, files.sidecar), join(target, 'model.d3.json'));
  await copyFile(join(files.folder, files.labels), join(target, files.labels));
  await writeFile(join(target, 'manifest.json'), encodeManifest(packed.manifest));
  return packed;
}

/** Runs a whole network in one piece, natively: what every split must agree with. */
export async function runWhole(packed: PackedModel, inputs: readonly TensorMap[]): Promise<readonly TensorMap[]> {
  const layers = packed.manifest.layers.map((_, index) => index);
  const model = extractSegment(packed, layers, { locate: ({ id }) => ({ path: id, offset: 0 }) });
  const backend = await createNodeBackend();
  const weights = { kind: 'blobs', blobs: packed.weights } as const;
  const session = await backend.prepare({ id: 'whole', model, level: packed.manifest.level, weights });
  const outputs: TensorMap[] = [];
  for (const input of inputs) outputs.push((await session.run(input)).outputs);
  await backend.dispose();
  return outputs;
}
