import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeManifest, packModel } from '@d3/onnx';
import { inferShapes } from '@d3/runtime/node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Session, SessionEvents } from '../index.ts';
import { drawing, Fabric, tensors, tiersOf } from '../testing/fabric.ts';

const PATIENTLY = { timeout: 15_000, interval: 50 };

let fabric: Fabric;

beforeAll(async () => {
  fabric = await Fabric.start();
});

afterEach(() => fabric.afterEach());

afterAll(() => fabric?.close());

/** Edge and cloud that are far slower than the device, so that a free plan leaves everything there. */
async function slowTiers() {
  const cloud = await fabric.serveCloud({ slowdown: 100 });
  return await fabric.serveEdge({ slowdown: 100, upstream: cloud.url });
}

function eventsOf<E extends keyof SessionEvents>(session: Session, event: E): SessionEvents[E][] {
  const seen: SessionEvents[E][] = [];
  session.on(event, (detail) => seen.push(detail));
  return seen;
}

describe('a cold start', () => {
  it('is answered by the tiers that are ready; the device joins by a switch when it has its weights', async () => {
    const edge = await slowTiers();
    const session = await fabric.open({ edge: edge.link });
    expect(session.report.problem.constraints.unavailable).toEqual(['device']);
    const plans = eventsOf(session, 'plan');
    const first = await session.infer(tensors(1));
    expect(first.outputs).toEqual(await fabric.runWhole({ image: drawing(1) }));
    await vi.waitFor(() => expect(plans.map(({ reason }) => reason)).toContain('the device is ready'), PATIENTLY);
    const later = await session.infer(tensors(2));
    expect(tiersOf(later)).toEqual(['device']);
    expect(later.outputs).toEqual(await fabric.runWhole({ image: drawing(2) }));
  });

  it('is waited for on request, with layers that must stay, and not at all with weights at hand', async () => {
    const edge = await slowTiers();
    const cache = join(fabric.root, 'warm-start');
    for (const options of [{ ready: 'planned' }, { constraints: { keepOnDevice: 1 } }] as const) {
      const session = await fabric.open({ edge: edge.link, cache, ...options });
      expect(session.report.problem.constraints.unavailable).toBeUndefined();
      expect(tiersOf(await session.infer(tensors(1)))).toEqual(['device']);
    }
    const second = await fabric.open({ edge: edge.link, cache });
    expect(second.report.problem.constraints.unavailable).toBeUndefined();
  });
});

describe('a lost cloud', () => {
  it('is done without, told of, and used again when it is back', async () => {
    const cloud = await fabric.serveCloud();
    const { port } = cloud;
    const edge = await fabric.serveEdge({ slowdown: 50, upstream: cloud.url, upstreamLoss: 'fail' });
    const session = await fabric.open({ edge: edge.link, slowdown: 100, constraints: { keepOnDevice: 2 } });
    const lost = eventsOf(session, 'lost');
    expect(tiersOf(await session.infer(tensors(1)))).toContain('cloud');
    const pending = Array.from({ length: 3 }, (_, seed) => session.infer(tensors(seed)));
    cloud.app.server.closeAllConnections();
    await cloud.close();
    for (const [seed, { outputs }] of (await Promise.all(pending)).entries()) {
      expect(outputs).toEqual(await fabric.runWhole({ image: drawing(seed) }));
    }
    await vi.waitFor(() => expect(lost.map(({ what }) => what)).toContain('cloud'), PATIENTLY);
    await vi.waitFor(() => expect(session.report.problem.constraints.unavailable).toEqual(['cloud']), PATIENTLY);
    expect(tiersOf(await session.infer(tensors(4)))).not.toContain('cloud');
    await fabric.serveCloud({ port });
    const back = async () => expect(tiersOf(await session.infer(tensors(5)))).toContain('cloud');
    await vi.waitFor(back, PATIENTLY);
  });
});

describe('fallback', () => {
  const options = { slowdown: 100, constraints: { keepOnDevice: 2 } } as const;

  it("'cloud' links straight to the cloud while the edge is lost, and goes back to the edge", async () => {
    const proxy = await fabric.tapped();
    const edge = `${proxy.wsUrl}/d3/link`;
    const session = await fabric.open({ edge, fallback: 'cloud', ...options });
    await session.infer(tensors(1));
    proxy.cut();
    const past = await session.infer(tensors(2));
    expect(past.outputs).toEqual(await fabric.runWhole({ image: drawing(2) }));
    expect(tiersOf(past)).not.toContain('edge');
    await vi.waitFor(() => expect(session.report.problem.constraints.unavailable).toEqual(['edge']), PATIENTLY);
    const direct = await session.infer(tensors(3), { inspect: true });
    expect(tiersOf(direct)).toEqual(['device', 'cloud']);
    expect(direct.hops.map(({ hop }) => hop)).toEqual(['device-cloud']);
    expect(Object.keys(direct.crossed ?? {})).not.toContain('image');
    proxy.restore();
    await vi.waitFor(() => expect(session.report.problem.constraints.unavailable).toBeUndefined(), PATIENTLY);
    expect((await session.infer(tensors(4))).hops[0]?.hop).toBe('device-edge');
  });

  it("'fail' fails at once, with one typed error, until the edge is back", async () => {
    const proxy = await fabric.tapped();
    const edge = `${proxy.wsUrl}/d3/link`;
    const session = await fabric.open({ edge, fallback: 'fail', ...options });
    proxy.cut();
    await expect(session.infer(tensors(1))).rejects.toMatchObject({ code: 'CLIENT_EDGE_LOST' });
    proxy.restore();
    const back = async () => expect(tiersOf(await session.infer(tensors(2)))).toContain('device');
    await vi.waitFor(back, PATIENTLY);
  });
});

describe('a request under which its edge is lost', () => {
  it('is finished by the device, which has fetched what it needs for that', async () => {
    const proxy = await fabric.tapped();
    const cache = join(fabric.root, 'alone');
    const constraints = { keepOnDevice: 10 };
    const alone = { constraints: { unavailable: ['edge', 'cloud'] } };
    const session = await fabric.open({ edge: `${proxy.wsUrl}/d3/link`, cache, fallback: 'device', ...alone });
    await session.replan({ constraints: { ...constraints, pin: { [lastLayer()]: 'edge' } } });
    await session.replan({ constraints });
    const pending = Array.from({ length: 4 }, (_, seed) => session.infer(tensors(seed)));
    proxy.cut();
    for (const [seed, result] of (await Promise.all(pending)).entries()) {
      expect(result.outputs).toEqual(await fabric.runWhole({ image: drawing(seed) }));
      const layers = result.placement.flatMap((placed) => placed.layers);
      expect(layers.toSorted((a, b) => a - b)).toEqual(fabric.packed.manifest.layers.map((_, index) => index));
    }
    expect(tiersOf(await session.infer(tensors(5)))).toEqual(['device']);
  });

  function lastLayer(): string {
    return fabric.packed.manifest.layers.at(-1)?.name ?? '';
  }
});

describe('a new version of the model at the edge', () => {
  it('is gone over to; requests on the old one finish on it', async () => {
    const models = join(fabric.root, 'versions');
    await cp(fabric.folder, join(models, 'first'), { recursive: true });
    const cache = join(fabric.root, 'versions-cache');
    const edge = await fabric.serveEdge({ models, cache });
    const session = await fabric.open({ edge: edge.link });
    const versions = eventsOf(session, 'model');
    const before = session.manifest.hash;
    const pending = session.infer(tensors(1));
    await packTweaked(join(models, 'second'));
    expect((await pending).outputs).toEqual(await fabric.runWhole({ image: drawing(1) }));
    await vi.waitFor(() => expect(versions).toHaveLength(1), { timeout: 30_000, interval: 100 });
    expect(session.manifest.hash).not.toBe(before);
    expect(session.manifest).toBe(versions[0]?.manifest);
    const later = await session.infer(tensors(1));
    expect(later.outputs).not.toEqual(await fabric.runWhole({ image: drawing(1) }));
  });

  /** The classifier with some weights changed. */
  async function packTweaked(folder: string): Promise<void> {
    const source = new URL('../../../zoo/sketch-resnet/sketch-resnet.onnx', import.meta.url);
    const bytes = new Uint8Array(await readFile(source));
    // The middle of the file lies within the weights of one convolution.
    const at = Math.floor(bytes.byteLength / 2);
    for (let offset = at; offset < at + 50_000; offset += 1) bytes[offset] = (bytes[offset] ?? 0) ^ 1;
    const model = await packModel(bytes, { name: 'sketch-resnet', infer: inferShapes });
    await cp(fabric.folder, folder, { recursive: true, filter: (path) => !path.endsWith('manifest.json') });
    await writeFile(join(folder, 'graph.onnx'), model.graph);
    for (const [id, blob] of model.weights) await writeFile(join(folder, 'weights', id), blob);
    await writeFile(join(folder, 'manifest.json'), encodeManifest(model.manifest));
    expect(await readdir(folder)).toContain('graph.onnx');
  }
});
