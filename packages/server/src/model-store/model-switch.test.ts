import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, packModel } from '@d3/onnx';
import type { LinkNotice } from '@d3/protocol';
import { inferShapes } from '@d3/runtime/node';
import { expect, it } from 'vitest';
import { greet, inferAsDevice } from '../testing/device.ts';
import { packInto, randomInputs, SKETCH } from '../testing/models.ts';
import { TestTiers } from '../testing/tier.ts';

/** Packs the model into the folder anew, some of its weights changed. */
async function packNewVersion(folder: string): Promise<Manifest> {
  const onnx = new Uint8Array(await readFile(SKETCH));
  const fresh = Float32Array.from({ length: 4096 }, (_, index) => Math.sin(index) / 8);
  // Deep inside the weights, which are most of the file.
  onnx.set(new Uint8Array(fresh.buffer), onnx.length >> 1);
  const packed = await packModel(onnx, { name: 'sketch-resnet', infer: inferShapes });
  await rm(join(folder, 'weights'), { recursive: true });
  await mkdir(join(folder, 'weights'));
  for (const [id, bytes] of packed.weights) await writeFile(join(folder, 'weights', id), bytes);
  await writeFile(join(folder, 'graph.onnx'), packed.graph);
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(packed.manifest));
  return packed.manifest;
}

it('a model that is packed anew is told of at once, and sessions on the old one finish on it', async () => {
  const tiers = await TestTiers.create();
  try {
    const old = await packInto(tiers.models('cloud'), SKETCH);
    const cloud = await tiers.start('cloud');
    const edge = await tiers.start('edge', { upstream: cloud.link });
    const notices: LinkNotice[] = [];
    const links = {
      edge: await greet(edge.link, { onNotice: (notice) => notices.push(notice) }),
      cloud: await greet(cloud.link),
    };
    const tierOf = old.layers.map(() => 1);
    const propose = async (epoch: number, model: string) => {
      await links.cloud.ask('propose', { epoch, model, tiers: ['device', 'cloud'], tierOf, objective: 'latency' });
    };
    const ask = async (epoch: number) => {
      const inputs = randomInputs(old, 1);
      const work = { manifest: old, tierOf, tierCount: 2, epoch, session: undefined, inputs };
      const { outputs } = await inferAsDevice(links.cloud, work);
      return Buffer.concat(Object.values(outputs).map(({ bytes }) => bytes));
    };
    await propose(1, old.hash);
    const before = await ask(1);

    const { hash } = await packNewVersion(join(tiers.models('cloud'), 'sketch-resnet'));
    expect(hash).not.toBe(old.hash);
    const told = () =>
      notices.some(({ type, notice }) => type === 'status' && notice.models?.['sketch-resnet'] === hash);
    for (let wait = 0; wait < 800 && !told(); wait++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(told()).toBe(true);

    expect(Buffer.compare(await ask(1), before)).toBe(0);
    // Also another split of the old one.
    await propose(2, old.hash);
    expect(Buffer.compare(await ask(2), before)).toBe(0);
    await propose(3, hash);
    expect(Buffer.compare(await ask(3), before)).not.toBe(0);
    expect((await fetch(`${cloud.url}/d3/models/${old.hash}/manifest.json`)).status).toBe(404);
    expect((await fetch(`${cloud.url}/d3/models/${hash}/manifest.json`)).status).toBe(200);
    for (const link of Object.values(links)) link.close();
  } finally {
    await tiers.close();
  }
}, 60_000);
