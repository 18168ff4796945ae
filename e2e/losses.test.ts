import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type InferInput, type InferResult, type Session } from '@d3/client';
import type { PackedModel } from '@d3/onnx';
import { makeTensor, type TensorMap } from '@d3/tensor';
import { Random } from '@d3/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPage,
  launchBrowser,
  openPage,
  packInto,
  removeSite,
  runWhole,
  serveHarness,
  workerNamed,
} from './harness/index.ts';
import { growthOf } from './losses/growth.ts';
import { Load, pause, SEEDS } from './losses/load.ts';
import { type Holdings, ownHoldings, TierProcess } from './losses/tier-process.ts';

type Exports = typeof import('./losses/page.ts');

const SKETCH = fileURLToPath(new URL('../packages/zoo/sketch-resnet/', import.meta.url));
const MODEL = 'sketch-resnet';
const KEPT_LAYERS = 3;
/** Losses of each kind; `npm run soak` asks for 50. */
const LOSSES = Number(process.env.D3_LOSSES ?? 2);
/** Losses before anything is measured: caches fill, code is compiled. */
const WARM_UP = Math.min(10, Math.floor(LOSSES / 3));
/** With fewer, a line through them tells of chance. */
const READINGS_THAT_TELL = 20;
/** Per loss. */
const MOST_GROWTH = { residentMb: 0.25, heldMb: 0.02, handles: 0.02 } as const;
const AT_ONCE = 4;
const DEADLINE_MS = 30_000;
const BACK_WITHIN_MS = 30_000;
const TEST_TIMEOUT_MS = 60_000 + LOSSES * 20_000;

describe('losing a tier under load', () => {
  const random = new Random(2026);
  const inputs: readonly TensorMap[] = Array.from({ length: SEEDS }, (_, seed) => drawing(seed));
  let root = '';
  let packed: PackedModel;
  let wholes: readonly TensorMap[];
  let cloud: TierProcess;
  let edge: TierProcess;
  let session: Session;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'd3-losses-'));
    const models = join(root, 'models');
    await mkdir(join(root, 'none'));
    packed = await packInto(models, {
      name: MODEL,
      folder: SKETCH,
      onnx: 'sketch-resnet.onnx',
      sidecar: 'sketch-resnet.d3.json',
      labels: 'labels.json',
    });
    wholes = await runWhole(packed, inputs);
    cloud = await TierProcess.start({ tier: 'cloud', models, cache: join(root, 'cloud') });
    const upstream = cloud.url;
    const none = join(root, 'none');
    edge = await TierProcess.start({ tier: 'edge', models: none, cache: join(root, 'edge'), upstream, slowdown: 4 });
    // The device slowest, the cloud fastest: every tier that is there is worth having, and none is a must.
    session = await connect({
      model: MODEL,
      edge: edge.link,
      slowdown: 16,
      constraints: { keepOnDevice: KEPT_LAYERS },
    });
  });

  afterAll(async () => {
    await session?.close();
    await edge?.stop();
    await cloud?.stop();
    if (root !== '') await rm(root, { recursive: true, force: true });
  });

  const inputOf = (seed: number): InferInput => ({ kind: 'tensors', tensors: inputs[seed] ?? {} });

  /** One machine, one backend: whatever tier ran what, the bits are those of the whole network. */
  const check = (seed: number, { outputs, placement }: InferResult): string | undefined => {
    const ran = placement.flatMap(({ layers }) => layers).toSorted((a, b) => a - b);
    if (String(ran) !== String(packed.manifest.layers.map((_, index) => index))) return `ran layers ${ran}`;
    const device = placement.find(({ tier }) => tier === 'device')?.layers ?? [];
    if (!Array.from({ length: KEPT_LAYERS }, (_, layer) => layer).every((layer) => device.includes(layer))) {
      return `kept only ${device}`;
    }
    return sameBits(outputs, wholes[seed]) ? undefined : 'another answer';
  };

  it.each(['edge', 'cloud'] as const)(
    'answers every request right, whenever the %s is killed',
    async (lost) => {
      const [tier, other] = lost === 'edge' ? [edge, cloud] : [cloud, edge];
      const load = new Load(session, { inputOf, check, atOnce: AT_ONCE, deadlineMs: DEADLINE_MS });
      const own: Holdings[] = [];
      const others: Holdings[] = [];
      for (let loss = 0; loss < LOSSES; loss += 1) {
        await load.reached(lost === 'edge' ? 'cloud' : lost, BACK_WITHIN_MS);
        await pause(random.between(0, 100));
        await tier.kill();
        await load.ended(2 * AT_ONCE);
        await tier.start();
        if (loss < WARM_UP) continue;
        own.push(await ownHoldings());
        others.push(await other.holdings());
      }
      const outcomes = await load.stop();
      expect(new Set(outcomes.flatMap(({ problem }) => problem ?? []))).toEqual(new Set());
      expect(outcomes.length).toBeGreaterThan(LOSSES * AT_ONCE);
      report(lost, { outcomes: outcomes.length, own, others });
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'answers every request right, whenever the GPU or its worker is lost',
    async () => {
      const [browser, site] = await Promise.all([
        launchBrowser(),
        buildPage(new URL('./losses/page.ts', import.meta.url)),
      ]);
      const harness = await serveHarness({ site });
      const page = await openPage<Exports>(browser, harness.origin);
      const options = { model: MODEL, edge: edge.link, backends: ['webgpu', 'wasm'] } as const;
      await page.call('startLoad', { ...options, slowdown: 2, constraints: { keepOnDevice: KEPT_LAYERS } }, 2);
      for (let loss = 0; loss < LOSSES; loss += 1) {
        await page.call('ended', 1 + random.integer(0, 5));
        const worker = workerNamed(page.page, /compute-worker/);
        await worker.evaluate(loss % 2 === 0 ? destroyGpu : () => globalThis.close()).catch(() => undefined);
        await page.call('ended', 4);
      }
      const { requests, problems } = await page.call('stopLoad');
      expect(new Set(problems)).toEqual(new Set());
      const { placements, wrong } = await page.call('judge', options);
      console.log(`${LOSSES} times GPU or worker lost: ${requests} requests over ${placements.length} placements`);
      expect(placements.some((placement) => placement.includes('wasm'))).toBe(true);
      expect(wrong).toBe(0);
      await page.close();
      await browser.close();
      await harness.close();
      await removeSite(site);
    },
    TEST_TIMEOUT_MS,
  );

  function report(
    lost: string,
    seen: { readonly outcomes: number; readonly own: readonly Holdings[]; readonly others: readonly Holdings[] },
  ): void {
    console.log(`${LOSSES} times ${lost} lost: ${seen.outcomes} requests, all right`);
    for (const [whose, holdings] of [
      ['client', seen.own],
      ['other server', seen.others],
    ] as const) {
      if (holdings.length < READINGS_THAT_TELL) continue;
      for (const what of ['residentMb', 'heldMb', 'handles'] as const) {
        const readings = holdings.flatMap((held) => held[what] ?? []);
        if (readings.length < holdings.length) continue;
        const { perLoss, noise } = growthOf(readings);
        console.log(`${whose}: ${what} ${perLoss.toFixed(3)} ± ${noise.toFixed(3)} a loss`);
        // Three standard errors: what is below cannot be told from nothing. A heap is collected when it likes, hence the rest.
        expect(perLoss).toBeLessThanOrEqual(3 * noise + MOST_GROWTH[what]);
      }
    }
  }
});

/** Runs in the compute worker: destroys the device at its next command, so in the midst of a request; ends a worker without one. */
function destroyGpu(): void {
  interface Device {
    createCommandEncoder(...args: unknown[]): unknown;
    destroy(): void;
  }
  const { GPUDevice } = globalThis as unknown as { GPUDevice: { prototype: Device } };
  const { createCommandEncoder } = GPUDevice.prototype;
  GPUDevice.prototype.createCommandEncoder = function (this: Device, ...args) {
    GPUDevice.prototype.createCommandEncoder = createCommandEncoder;
    this.destroy();
    return createCommandEncoder.apply(this, args);
  };
}

function drawing(seed: number): TensorMap {
  const values = Float32Array.from({ length: 128 * 128 }, (_, index) => ((index * (seed + 3)) % 97) / 97);
  return { image: makeTensor('image', 'float32', [1, 1, 128, 128], values) };
}

function sameBits(a: TensorMap, b: TensorMap | undefined): boolean {
  return Object.entries(a).every(
    ([name, { bytes }]) => Buffer.compare(bytes, b?.[name]?.bytes ?? new Uint8Array()) === 0,
  );
}
