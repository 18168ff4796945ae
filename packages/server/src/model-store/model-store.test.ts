import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '@d3/onnx';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Server } from '../serve.ts';
import { packInto, SKETCH } from '../testing/models.ts';
import { TestTiers } from '../testing/tier.ts';
import { ModelStore } from './model-store.ts';

describe('ModelStore', () => {
  let tiers: TestTiers;
  let cloud: Server;
  let manifest: Manifest;
  const store = () =>
    new ModelStore({
      ...{ tier: 'edge', models: tiers.models('edge'), cache: join(tiers.folder, 'fetched') },
      upstream: { url: cloud.url, token: 'sesame' },
      onSkip: () => {},
    });

  beforeEach(async () => {
    tiers = await TestTiers.create();
    manifest = await packInto(tiers.models('cloud'), SKETCH);
    cloud = await tiers.start('cloud', { token: 'sesame' });
  });
  afterEach(async () => await tiers.close());

  it('find() fetches a model from upstream once, however many ask, every file the same', async () => {
    let requests = 0;
    cloud.app.server.on('request', ({ url }: { url?: string }) => {
      if (url?.includes('/weights/')) requests++;
    });
    const fresh = store();
    expect(await fresh.list()).toEqual([]);
    expect(await fresh.names()).toEqual({ 'sketch-resnet': manifest.hash });
    const found = await Promise.all([
      fresh.find('sketch-resnet'),
      fresh.find(manifest.hash),
      fresh.find('sketch-resnet'),
    ]);
    for (const model of found) expect(model.manifest).toEqual(manifest);
    expect(requests).toBe(new Set(manifest.weights.map(({ id }) => id)).size);
    const [model] = found;
    if (model === undefined) throw new TypeError('a model is expected');
    const original = join(tiers.models('cloud'), 'sketch-resnet');
    for (const file of ['graph.onnx', ...manifest.weights.map(({ id }) => `weights/${id}`)]) {
      expect(Buffer.compare(await readFile(join(model.folder, file)), await readFile(join(original, file)))).toBe(0);
    }
    expect((await fresh.sidecar(model))?.inputs[0]?.kind).toBe('sketch');
  });

  it('find() refuses a blob that is not what its hash says, and leaves nothing behind', async () => {
    const [weight] = manifest.weights;
    if (weight === undefined) throw new TypeError('a weight is expected');
    const file = join(tiers.models('cloud'), 'sketch-resnet', 'weights', weight.id);
    await writeFile(file, Buffer.alloc(weight.bytes, 1));
    const fresh = store();
    await expect(fresh.find('sketch-resnet')).rejects.toMatchObject({
      code: 'SERVER_MODEL_CORRUPT',
      details: { file: `weights/${weight.id}` },
    });
    expect(await readdir(join(tiers.folder, 'fetched'))).toEqual([]);
    await expect(fresh.find('nope')).rejects.toMatchObject({ code: 'SERVER_MODEL_UNKNOWN' });
  });

  it('find() says so when a file is missing upstream, and when the upstream is gone', async () => {
    await rm(join(tiers.models('cloud'), 'sketch-resnet', 'graph.onnx'));
    await expect(store().find('sketch-resnet')).rejects.toMatchObject({ code: 'SERVER_MODEL_FETCH_FAILED' });
    await cloud.close();
    await expect(store().find('sketch-resnet')).rejects.toMatchObject({
      code: 'SERVER_MODEL_FETCH_FAILED',
      retryable: true,
      details: { upstream: cloud.url },
    });
    expect(await store().names()).toEqual({});
  });
});
