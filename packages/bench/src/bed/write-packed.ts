import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeManifest, type PackedModel } from '@d3/onnx';

/** Writes a packed model into a folder, as a server reads it. */
export async function writePacked({ manifest, graph, weights }: PackedModel, folder: string): Promise<void> {
  await mkdir(join(folder, 'weights'), { recursive: true });
  await writeFile(join(folder, 'manifest.json'), encodeManifest(manifest));
  await writeFile(join(folder, 'graph.onnx'), graph);
  for (const [id, bytes] of weights) await writeFile(join(folder, 'weights', id), bytes);
}
