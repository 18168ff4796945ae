import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PackedModel } from '@d3/onnx';
import type { TierProfile } from '@d3/profile';
import { type Backend, calibrate } from '@d3/runtime';
import { assembleWeights, createNodeBackend } from '@d3/runtime/node';
import type { Machine } from './machine.ts';
import { type SegmentTime, timeSegments } from './time-segments.ts';

/** onnxruntime-node in a worker thread of this process, weights mapped into memory as a server has them. */
export async function openNodeMachine(): Promise<Machine> {
  const backend = await createNodeBackend();
  return {
    backend: 'cpu',
    calibrate: () => calibrateNode(backend),
    time: (packed, timing) => timeOnNode(backend, packed, timing),
    close: () => backend.dispose(),
  };
}

async function calibrateNode(backend: Backend): Promise<{ profile: TierProfile; calibrationMs: number }> {
  const startedMs = performance.now();
  const { gflops, fixedMs, handoffMs, terms } = await calibrate(backend);
  const calibrationMs = performance.now() - startedMs;
  const base = { tier: 'edge', backend: 'cpu', concurrency: 1, slowdown: 1 };
  return { profile: { ...base, gflops, fixedMs, handoffMs, terms }, calibrationMs };
}

async function timeOnNode(
  backend: Backend,
  packed: PackedModel,
  timing: { readonly segments: readonly (readonly number[])[]; readonly budgetMs: number },
): Promise<SegmentTime[]> {
  const folder = await mkdtemp(join(tmpdir(), 'd3-bench-'));
  try {
    const weights = await assembleWeights(packed.manifest, (id) => blobOf(packed, id), join(folder, 'weights.bin'));
    const model = {
      packed,
      locate: weights.locate,
      weightsOf: () => ({ kind: 'folder', path: weights.folder }) as const,
    };
    return await timeSegments(backend, model, timing);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function blobOf(packed: PackedModel, id: string): Promise<Uint8Array> {
  const blob = packed.weights.get(id);
  if (blob === undefined) throw new RangeError(`The packed model lacks weight ${id}`);
  return blob;
}
