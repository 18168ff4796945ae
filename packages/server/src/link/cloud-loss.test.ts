import type { Manifest } from '@d3/onnx';
import type { LinkClient, LinkNotice } from '@d3/protocol';
import type { TensorMap } from '@d3/tensor';
import { type ShapingProxy, startShapingProxy } from '@d3/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServeOptions, Server } from '../serve.ts';
import { greet, inferAsDevice } from '../testing/device.ts';
import { cutAt, packInto, randomInputs, SKETCH } from '../testing/models.ts';
import { TestTiers } from '../testing/tier.ts';

const TIERS = ['device', 'edge', 'cloud'];

/** An edge and a cloud in this process, the link between them a proxy. */
class Fabric {
  readonly notices: LinkNotice[] = [];
  readonly tiers: TestTiers;
  readonly cloud: Server;
  readonly proxy: ShapingProxy;
  readonly manifest: Manifest;
  edge!: Server;
  link!: LinkClient;

  private constructor(tiers: TestTiers, parts: { cloud: Server; proxy: ShapingProxy; manifest: Manifest }) {
    this.tiers = tiers;
    this.cloud = parts.cloud;
    this.proxy = parts.proxy;
    this.manifest = parts.manifest;
  }

  static async start(): Promise<Fabric> {
    const tiers = await TestTiers.create();
    const manifest = await packInto(tiers.models('cloud'), SKETCH);
    const cloud = await tiers.start('cloud');
    return new Fabric(tiers, { cloud, proxy: await startShapingProxy({ target: cloud.url }), manifest });
  }

  async startEdge(options: Partial<ServeOptions> = {}): Promise<void> {
    this.edge = await this.tiers.start('edge', { upstream: this.proxy.wsUrl, ...options });
    this.link = await greet(this.edge.link, { onNotice: (notice) => this.notices.push(notice) });
  }

  async close(): Promise<void> {
    this.link?.close();
    this.proxy.restore();
    await this.tiers.close();
    await this.proxy.close();
  }

  async propose(tierOf: readonly number[], epoch = 1): Promise<void> {
    const model = this.manifest.hash;
    await this.link.ask('propose', { epoch, model, tiers: TIERS, tierOf, objective: 'latency' });
  }

  async ask(tierOf: readonly number[], seed: number): Promise<{ outputs: TensorMap; tiers: readonly string[] }> {
    const inputs = randomInputs(this.manifest, seed);
    const work = { manifest: this.manifest, tierOf, tierCount: 3, epoch: 1, session: undefined, inputs };
    const { outputs, result } = await inferAsDevice(this.link, work);
    return { outputs, tiers: result.segments.map(({ tier }) => tier) };
  }

  /** The tiers of the latest status notice. */
  get told(): readonly string[] | undefined {
    const last = this.notices.findLast(({ type }) => type === 'status');
    return last?.type === 'status' ? last.notice.profiles.map(({ tier }) => tier) : undefined;
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let wait = 0; wait < 1000; wait++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came to hold');
}

function expectSame(actual: TensorMap, wanted: TensorMap): void {
  expect(Object.keys(actual)).toEqual(Object.keys(wanted));
  for (const [name, { bytes }] of Object.entries(wanted)) {
    expect(Buffer.compare(actual[name]?.bytes ?? Buffer.alloc(0), bytes)).toBe(0);
  }
}

describe('an edge that loses its cloud', () => {
  let fabric: Fabric;
  beforeEach(async () => {
    fabric = await Fabric.start();
  }, 60_000);
  afterEach(async () => await fabric?.close());

  it.each([
    ['its own segment done', [0, 0.5], ['edge', 'edge']],
    ['nothing of its own to do, as a relay', [0, 0], ['edge']],
  ])('with %s finishes requests that were under way, on the same bits', async (_, starts, finishedBy) => {
    await fabric.startEdge({ prepareForLoss: false });
    const tierOf = cutAt(fabric.manifest, starts);
    await fabric.propose(tierOf);
    const wanted = await Promise.all(Array.from({ length: 4 }, (_, seed) => fabric.ask(tierOf, seed)));
    expect(wanted[0]?.tiers).toContain('cloud');
    // They hang at the cut, and are then told.
    fabric.proxy.cut('silence');
    const running = Array.from({ length: 4 }, (_, seed) => fabric.ask(tierOf, seed));
    await new Promise((resolve) => setTimeout(resolve, 200));
    fabric.proxy.cut('reset');
    const outcomes = await Promise.all(running);
    for (const [seed, { outputs, tiers }] of outcomes.entries()) {
      expect(tiers).toEqual(finishedBy);
      expectSame(outputs, wanted[seed]?.outputs ?? {});
    }
    await until(() => fabric.told?.join() === 'edge');
    // Epochs that are proposed while it is away are ready as well.
    await fabric.propose(tierOf, 2);
    fabric.proxy.restore();
    await until(async () => (await fabric.ask(tierOf, 0)).tiers.includes('cloud'));
    await until(() => fabric.told?.join() === 'edge,cloud');
  });

  it('finishes what waits for a cloud that has fallen silent', async () => {
    await fabric.startEdge();
    const tierOf = cutAt(fabric.manifest, [0, 0.5]);
    await fabric.propose(tierOf);
    const wanted = await fabric.ask(tierOf, 1);
    fabric.proxy.cut('silence');
    const { outputs, tiers } = await fabric.ask(tierOf, 1);
    expect(tiers).toEqual(['edge', 'edge']);
    expectSame(outputs, wanted.outputs);
  });

  it('prepares for it while nothing runs', async () => {
    await fabric.startEdge();
    const tierOf = cutAt(fabric.manifest, [0, 0.5]);
    await fabric.propose(tierOf);
    const model = await fabric.edge.app.d3.store.find(fabric.manifest.hash);
    const behind = tierOf.flatMap((tier, layer) => (tier === 2 ? [layer] : []));
    await until(() => fabric.edge.app.d3.executor.isWarm(model, behind));
  });

  it('fails what was under way, typed, where it is told to', async () => {
    await fabric.startEdge({ upstreamLoss: 'fail' });
    const tierOf = cutAt(fabric.manifest, [0, 0.5]);
    await fabric.propose(tierOf);
    fabric.proxy.cut('silence');
    const running = fabric.ask(tierOf, 1);
    running.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    fabric.proxy.cut('reset');
    await expect(running).rejects.toMatchObject({ code: 'SERVER_UPSTREAM_LOST', retryable: true });
    await expect(fabric.propose(tierOf, 2)).rejects.toMatchObject({ code: 'SERVER_UPSTREAM_LOST' });
  });

  it('says what stands in the way when those layers are too large for it', async () => {
    await fabric.startEdge({ limits: { maxSegmentBytes: 1000 } });
    const tierOf = cutAt(fabric.manifest, [0, 0.5]);
    await fabric.propose(tierOf);
    fabric.proxy.cut('reset');
    await expect(fabric.ask(tierOf, 1)).rejects.toMatchObject({
      code: 'SERVER_UPSTREAM_LOST',
      message: expect.stringContaining('maxSegmentBytes is 1000'),
    });
  });
});
