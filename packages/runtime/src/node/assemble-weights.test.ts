import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildModel, type ManifestWeight, type WeightLocation } from '@d3/onnx';
import { byteLength, makeTensor } from '@d3/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, SegmentSpec, SegmentWeights } from '../backend.ts';
import { seededFloats } from '../seeded-floats.ts';
import { assembleWeights, createNodeBackend } from './index.ts';

const [WIDE, HIGH] = [300, 200];
const blobs = new Map<string, Uint8Array<ArrayBuffer>>();
const weightOf = (name: string, shape: readonly number[], seed: number): ManifestWeight => {
  const bytes = new Uint8Array(seededFloats(seed, byteLength('float32', shape) / 4, 0.1).buffer);
  const id = createHash('sha256').update(bytes).digest('hex');
  blobs.set(id, bytes);
  return { name, id, bytes: bytes.byteLength, type: 'float32', shape };
};
/** The third is the first again: equal weights share a blob. */
const manifest = {
  name: 'two-layers',
  weights: [weightOf('w1', [HIGH, WIDE], 1), weightOf('w2', [WIDE, HIGH], 2), weightOf('w3', [HIGH, WIDE], 1)],
};
const readBlob = async (id: string): Promise<Uint8Array> => blobs.get(id) ?? new Uint8Array();

function segment(locate: (weight: ManifestWeight) => WeightLocation, weights: SegmentWeights): SegmentSpec {
  const external = (weight: ManifestWeight) => ({
    name: weight.name,
    type: 'float32' as const,
    shape: weight.shape,
    external: locate(weight),
  });
  const bytes = buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: 'float32', shape: [1, HIGH] }],
    outputs: [{ name: 'y', type: 'float32', shape: [1, WIDE] }],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w1'], outputs: ['a'] },
      { op: 'MatMul', inputs: ['a', 'w2'], outputs: ['b'] },
      { op: 'MatMul', inputs: ['b', 'w3'], outputs: ['y'] },
    ],
    initializers: manifest.weights.map(external),
  });
  const value = (name: string, size: number, isInput: boolean) =>
    ({ name, type: 'float32', shape: [1, size], bytes: size * 4, isInput, isOutput: !isInput }) as const;
  const model = {
    bytes,
    inputs: [value('x', HIGH, true)],
    outputs: [value('y', WIDE, false)],
    weights: manifest.weights,
  };
  return { id: `two-layers/${weights.kind}`, model, level: 'extended', weights };
}

let folder: string;
let backend: Backend;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'd3-weights-'));
  backend = await createNodeBackend();
});
afterAll(async () => {
  await backend.dispose();
  await rm(folder, { recursive: true });
});

const x = makeTensor('x', 'float32', [1, HIGH], seededFloats(5, HIGH, 1));
async function answerOf(spec: SegmentSpec): Promise<Uint8Array | undefined> {
  const session = await backend.prepare(spec);
  const { outputs } = await session.run({ x });
  await session.dispose();
  return outputs.y?.bytes;
}

describe('assembleWeights()', () => {
  it('lays each blob on a page of its own, once', async () => {
    const path = join(folder, 'laid.bin');
    const { offsets, bytes, locate } = await assembleWeights(manifest, readBlob, path);
    expect([...offsets.values()]).toEqual([0, 241664]);
    expect(bytes).toBe(241664 + 240000);
    const file = await readFile(path);
    expect(file.byteLength).toBe(bytes);
    for (const weight of manifest.weights) {
      const { path: name, offset } = locate(weight);
      expect(name).toBe('laid.bin');
      expect(file.subarray(offset, offset + weight.bytes).equals(blobs.get(weight.id) ?? new Uint8Array())).toBe(true);
    }
  });

  it('makes a file that sessions map, with the bits of the blobs', async () => {
    const mapped = await assembleWeights(manifest, readBlob, join(folder, 'mapped.bin'));
    const byPath = new Map([...blobs].map(([id, blob]) => [`weights/${id}`, blob]));
    const fromBlobs = await answerOf(
      segment(({ id }) => ({ path: `weights/${id}`, offset: 0 }), { kind: 'blobs', blobs: byPath }),
    );
    const fromFile = await answerOf(segment(mapped.locate, { kind: 'folder', path: mapped.folder }));
    expect(new Set(fromFile).size).toBeGreaterThan(10);
    expect(fromFile).toEqual(fromBlobs);
  });

  it('takes a whole file that is there, and asks for no blob', async () => {
    const path = join(folder, 'kept.bin');
    await assembleWeights(manifest, readBlob, path);
    const again = assembleWeights(manifest, () => Promise.reject(new Error('asked for a blob')), path);
    expect((await again).bytes).toBe(481664);
  });

  it('refuses a blob that is not the one named, and leaves no file behind', async () => {
    const path = join(folder, 'corrupt.bin');
    const flipped = async (id: string) => (await readBlob(id)).map((byte, index) => (index === 7 ? byte ^ 1 : byte));
    await expect(assembleWeights(manifest, flipped, path)).rejects.toMatchObject({
      code: 'RUNTIME_WEIGHT_CORRUPT',
      message: expect.stringContaining("Weight 'w3'"),
    });
    const short = async (id: string) => (await readBlob(id)).subarray(1);
    await expect(assembleWeights(manifest, short, path)).rejects.toThrow(
      'should have 240000 bytes and has 239999 bytes',
    );
    expect((await readdir(folder)).filter((name) => name.startsWith('corrupt'))).toEqual([]);
  });

  it('knows only its own model’s weights', async () => {
    const { locate } = await assembleWeights(manifest, readBlob, join(folder, 'own.bin'));
    expect(() => locate({ name: 'w9', id: 'ff', bytes: 4, type: 'float32', shape: [1] })).toThrow(RangeError);
  });
});
