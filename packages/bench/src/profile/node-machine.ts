import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PackedModel } from '@d3/onnx';
import type { Backend } from '@d3/runtime';
import { assembleWeights, createNodeBackend } from '@d3/runtime/node';
import type { Machine } from './machine.ts';
import { type Measured, measureNetwork } from './measure-network.ts';

/** onnxruntime-node in a worker thread of this process, weights mapped into memory as a server has them. */
export async function openNodeMachine(): Promise<Machine> {
  const backend = await createNodeBackend();
  return {
    backend: 'cpu',
    measure: (packed, segments) => measureOnNode(backend, packed, segments),
    close: () => backend.dispose(),
  };
}

async function measureOnNode(
  backend: Backend,
  packed: PackedModel,
  segments: readonly (readonly number[])[],
): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'd3-bench-'));
  try {
    const weights = await assembleWeights(packed.manifest, (id) => blobOf(packed, id), join(folder, 'weights.bin'));
    const model = {
      packed,
      locate: weights.locate,
      weightsOf: () => ({ kind: 'folder', path: weights.folder }) as const,
    };
    return await measureNetwork(backend, model, segments);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function blobOf(packed: PackedModel, id: string): Promise<Uint8Array> {
  const blob = packed.weights.get(id);
  if (blob === undefined) throw new RangeError(`The packed model lacks weight ${id}`);
  return blob;
}
