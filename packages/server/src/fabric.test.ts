import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '@d3/onnx';
import type { LinkClient, Proposal } from '@d3/protocol';
import type { Backend } from '@d3/runtime';
import { createNodeBackend } from '@d3/runtime/node';
import type { TensorMap } from '@d3/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { greet, inferAsDevice, prepareLayers } from './testing/device.ts';
import { cutAt, packInto, randomInputs, SKETCH, thirdParty } from './testing/models.ts';
import { startTier, stopProcess, type TierProcess } from './testing/tier-process.ts';

const TIERS = ['device', 'edge', 'cloud'];

describe('an edge and a cloud, as processes', () => {
  let folder: string;
  let cloud: TierProcess;
  let edge: TierProcess;
  let device: Backend;
  let link: LinkClient;
  let nextEpoch = 1;
  const manifests = new Map<string, Manifest>();
  const models = [SKETCH, thirdParty('squeezenet1.1_fp32.onnx')].filter((path) => path !== undefined);
  const folders = () => ({ cloudModels: join(folder, 'models'), edgeCache: join(folder, 'edge') });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'd3-fabric-'));
    for (const path of models) {
      const manifest = await packInto(folders().cloudModels, path);
      manifests.set(manifest.name, manifest);
    }
    cloud = await startTier('cloud', ['--models', folders().cloudModels, '--cache', join(folder, 'cloud')]);
    edge = await startTier('edge', [
      ...['--models', join(folder, 'none'), '--cache', folders().edgeCache, '--upstream', cloud.link],
    ]);
    device = await createNodeBackend();
    link = await greet(edge.link);
  }, 120_000);

  afterAll(async () => {
    link?.close();
    await device?.dispose();
    if (edge !== undefined) expect(await stopProcess(edge.process, 'SIGTERM')).toBe(0);
    if (cloud !== undefined) await stopProcess(cloud.process, 'SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const propose = async (manifest: Manifest, tierOf: readonly number[]): Promise<Proposal> => {
    const proposal = { epoch: nextEpoch++, model: manifest.name, tiers: TIERS, tierOf, objective: 'latency' as const };
    await link.ask('propose', proposal);
    return proposal;
  };

  const run = async (manifest: Manifest, tierOf: readonly number[], inputs: TensorMap) => {
    const { epoch } = await propose(manifest, tierOf);
    const layers = tierOf.flatMap((tier, index) => (tier === 0 ? [index] : []));
    const packed = { folder: join(folders().cloudModels, manifest.name), manifest };
    const session = layers.length === 0 ? undefined : await prepareLayers(device, packed, layers);
    const outcome = await inferAsDevice(link, { manifest, tierOf, tierCount: 3, epoch, session, inputs });
    await session?.dispose();
    await link.ask('release', { epoch });
    return outcome;
  };

  const whole = async (manifest: Manifest, inputs: TensorMap): Promise<TensorMap> => {
    const packed = { folder: join(folders().cloudModels, manifest.name), manifest };
    const all = manifest.layers.map((_, index) => index);
    const session = await prepareLayers(device, packed, all);
    const { outputs } = await session.run(inputs);
    await session.dispose();
    return outputs;
  };

  it('hello is answered with both tiers, their link and every model that either has', async () => {
    const welcome = await link.ask('hello', { protocol: 1, tier: 'device', agent: 'test', numericClass: 'test' });
    expect(welcome.tiers.map(({ profile }) => profile.tier)).toEqual(['edge', 'cloud']);
    expect(welcome.tiers.map(({ url }) => url)).toEqual([edge.link, cloud.link]);
    for (const { profile, numericClass } of welcome.tiers) {
      expect(profile.gflops).toBeGreaterThan(0.1);
      expect(numericClass).toBe(device.numericClass);
    }
    expect(welcome.links).toHaveLength(1);
    expect(welcome.links[0]?.upBytesPerMs).toBeGreaterThan(0);
    expect(welcome.models).toEqual(Object.fromEntries([...manifests.values()].map(({ name, hash }) => [name, hash])));
  });

  for (const path of models) {
    const name = path.split('/').at(-1)?.replace('.onnx', '') ?? '';
    describe(name, () => {
      it.each([
        ['three ways', [0.3, 0.6], ['edge', 'cloud']],
        ['device and cloud, the edge a relay', [0.4, 0.4], ['cloud']],
        ['device and edge', [0.5, 2], ['edge']],
        ['edge and cloud', [0, 0.5], ['edge', 'cloud']],
        ['cloud alone', [0, 0], ['cloud']],
      ] as const)('split %s gives the bits of the whole', async (_, starts, ran) => {
        const manifest = manifests.get(name) as Manifest;
        const inputs = randomInputs(manifest, 7);
        const wanted = await whole(manifest, inputs);
        const { outputs, result } = await run(manifest, cutAt(manifest, starts), inputs);
        expect(Object.keys(outputs).sort()).toEqual(Object.keys(wanted).sort());
        for (const [output, tensor] of Object.entries(wanted)) {
          expect(outputs[output]?.shape).toEqual(tensor.shape);
          expect(Buffer.compare(outputs[output]?.bytes ?? Buffer.alloc(0), tensor.bytes)).toBe(0);
        }
        expect(result.segments.map(({ tier }) => tier)).toEqual(ran);
        expect(result.hops.map(({ hop }) => hop)).toEqual(
          (ran as readonly string[]).includes('cloud') ? ['device-edge', 'edge-cloud'] : ['device-edge'],
        );
        for (const hop of result.hops) expect(hop.bytesUp).toBeGreaterThan(0);
        const layers = result.segments.flatMap((segment) => segment.layers);
        expect(layers.length).toBe(cutAt(manifest, starts).filter((tier) => tier > 0).length);
      });
    });
  }

  it('a device that has lost its edge links straight to the cloud, at the address that welcome told, and gets the same bits', async () => {
    const welcome = await link.ask('hello', { protocol: 1, tier: 'device', agent: 'test', numericClass: 'test' });
    const direct = await greet(welcome.tiers[1]?.url ?? '');
    try {
      const manifest = manifests.get('sketch-resnet') as Manifest;
      const inputs = randomInputs(manifest, 5);
      const tierOf = cutAt(manifest, [0.4]);
      const tiers = ['device', 'cloud'];
      await direct.ask('propose', { epoch: 1, model: manifest.hash, tiers, tierOf, objective: 'latency' });
      const packed = { folder: join(folders().cloudModels, manifest.name), manifest };
      const layers = tierOf.flatMap((tier, index) => (tier === 0 ? [index] : []));
      const session = await prepareLayers(device, packed, layers);
      const { outputs, result } = await inferAsDevice(direct, {
        ...{ manifest, tierOf, tierCount: 2, epoch: 1, session, inputs },
      });
      await session.dispose();
      for (const [name, tensor] of Object.entries(await whole(manifest, inputs))) {
        expect(Buffer.compare(outputs[name]?.bytes ?? Buffer.alloc(0), tensor.bytes)).toBe(0);
      }
      expect(result.segments.map(({ tier }) => tier)).toEqual(['cloud']);
    } finally {
      direct.close();
    }
  });

  it('20 requests at once each get their own answer, and one cancelled among them leaves the others alone', async () => {
    const manifest = manifests.get('sketch-resnet') as Manifest;
    const tierOf = cutAt(manifest, [0, 0.5]);
    const { epoch } = await propose(manifest, tierOf);
    const abort = new AbortController();
    const inputs = Array.from({ length: 20 }, (_, seed) => randomInputs(manifest, seed));
    const wanted = await Promise.all(inputs.map((input) => whole(manifest, input)));
    const running = inputs.map((input, index) =>
      inferAsDevice(link, {
        ...{ manifest, tierOf, tierCount: 3, epoch, session: undefined, inputs: input },
        ...(index === 11 && { signal: abort.signal }),
      }),
    );
    abort.abort(new Error('not wanted'));
    const outcomes = await Promise.allSettled(running);
    for (const [index, outcome] of outcomes.entries()) {
      if (index === 11) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'not wanted' } });
        continue;
      }
      if (outcome.status === 'rejected') throw outcome.reason;
      for (const [name, tensor] of Object.entries(wanted[index] ?? {})) {
        expect(Buffer.compare(outcome.value.outputs[name]?.bytes ?? Buffer.alloc(0), tensor.bytes)).toBe(0);
      }
    }
    await link.ask('release', { epoch });
  });

  it.each([
    ['an edge that computes', [0, 0.5]],
    ['an edge that relays', [0, 0]],
  ])(
    'a cloud that dies behind %s loses no request: the edge does its part, until a new one is there',
    async (_, starts) => {
      const manifest = manifests.get('sketch-resnet') as Manifest;
      const tierOf = cutAt(manifest, starts);
      const { epoch } = await propose(manifest, tierOf);
      const ask = (seed: number) =>
        inferAsDevice(link, {
          ...{ manifest, tierOf, tierCount: 3, epoch, session: undefined, inputs: randomInputs(manifest, seed) },
        });
      await ask(0);
      const port = new URL(cloud.link).port;
      const running = Promise.allSettled(Array.from({ length: 8 }, (_, seed) => ask(seed)));
      await stopProcess(cloud.process, 'SIGKILL');
      const outcomes = await running;
      outcomes.push(...(await Promise.allSettled([ask(8)])));
      for (const [seed, outcome] of outcomes.entries()) {
        if (outcome.status === 'rejected') throw outcome.reason;
        const wanted = await whole(manifest, randomInputs(manifest, seed));
        for (const [name, tensor] of Object.entries(wanted)) {
          expect(Buffer.compare(outcome.value.outputs[name]?.bytes ?? Buffer.alloc(0), tensor.bytes)).toBe(0);
        }
        const { segments } = outcome.value.result;
        expect(segments.flatMap(({ layers }) => layers)).toEqual(manifest.layers.map((_, index) => index));
      }
      const last = outcomes.at(-1);
      const ran = last?.status === 'fulfilled' ? last.value.result.segments : [];
      expect(ran.map(({ tier }) => tier)).toEqual(ran.map(() => 'edge'));
      expect((await fetch(new URL('/v2/health/ready', edge.link.replace('ws', 'http')))).status).toBe(503);

      cloud = await startTier('cloud', [
        ...['--models', folders().cloudModels, '--cache', join(folder, 'cloud'), '--port', port],
      ]);
      let tiers: readonly string[] = [];
      for (let round = 0; round < 200 && !tiers.includes('cloud'); round++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        tiers = (await ask(3)).result.segments.map(({ tier }) => tier);
      }
      expect(tiers).toContain('cloud');
      const { outputs } = await ask(3);
      const wanted = await whole(manifest, randomInputs(manifest, 3));
      expect(Object.keys(outputs)).toEqual(Object.keys(wanted));
      await link.ask('release', { epoch });
    },
  );
});
