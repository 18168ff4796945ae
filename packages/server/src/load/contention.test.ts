import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '@d3/onnx';
import { isPlan, planProblem } from '@d3/partition';
import { buildProblem, type LinkEstimate, type TierProfile } from '@d3/profile';
import type { LinkClient } from '@d3/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { greet, inferAsDevice } from '../testing/device.ts';
import { packChain, randomInputs } from '../testing/models.ts';
import { startTier, stopProcess, type TierProcess } from '../testing/tier-process.ts';

/** The cores this process may use; none where they cannot be told apart. */
function usableCores(): readonly number[] {
  try {
    const list = execFileSync('taskset', ['-pc', `${process.pid}`], { encoding: 'utf8' }).split(':')[1] ?? '';
    return list.split(',').flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
  } catch {
    return [];
  }
}

const [EDGE_CORE, OTHER_CORE] = usableCores();
if (OTHER_CORE === undefined) console.warn('Skipping the load of a shared core: taskset and two cores are needed');

/** A request on an idle edge differs by this much between runs; a shared core doubles it. */
const CLEARLY_LOADED = 1.5;
const ABOUT_AS_BEFORE = 1.3;

describe.skipIf(OTHER_CORE === undefined)('an edge whose core another process takes half of', () => {
  let folder: string;
  let manifest: Manifest;
  let cloud: TierProcess;
  let edge: TierProcess;
  let link: LinkClient;
  let thief: ChildProcess | undefined;
  let profiles: readonly TierProfile[] = [];
  let links: readonly LinkEstimate[] = [];
  const pinSelf = (cores: string) => execFileSync('taskset', ['-apc', cores, `${process.pid}`]);

  beforeAll(async () => {
    pinSelf(`${OTHER_CORE}`);
    folder = await mkdtemp(join(tmpdir(), 'd3-load-'));
    manifest = await packChain(join(folder, 'models'));
    const args = (tier: string) => [
      '--models',
      join(folder, 'models'),
      '--cache',
      join(folder, tier),
      '--workers',
      '1',
    ];
    cloud = await startTier('cloud', args('cloud'), OTHER_CORE);
    edge = await startTier('edge', [...args('edge'), '--upstream', cloud.link, '--prepare-for-loss', 'no'], EDGE_CORE);
    link = await greet(edge.link, {
      onNotice: ({ type, notice }) => {
        if (type === 'status') ({ profiles, links } = notice);
      },
    });
    ({ links, profiles } = await link
      .ask('hello', { protocol: 1, tier: 'device', agent: 'test', numericClass: 'test' })
      .then((welcome) => ({ links: welcome.links, profiles: welcome.tiers.map(({ profile }) => profile) })));
    const tierOf = manifest.layers.map(() => 1);
    await link.ask('propose', {
      epoch: 1,
      model: manifest.hash,
      tiers: ['device', 'edge'],
      tierOf,
      objective: 'latency',
    });
  }, 60_000);

  afterAll(async () => {
    pinSelf(usableCoresText());
    link?.close();
    thief?.kill('SIGKILL');
    if (edge !== undefined) await stopProcess(edge.process, 'SIGTERM');
    if (cloud !== undefined) await stopProcess(cloud.process, 'SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const usableCoresText = () => `${EDGE_CORE},${OTHER_CORE}`;
  const edgeScale = () => profiles[0]?.load?.scale ?? 1;
  const ask = async () => {
    const tierOf = manifest.layers.map(() => 1);
    const inputs = randomInputs(manifest, 1);
    const work = { manifest, tierOf, tierCount: 2, epoch: 1, session: undefined, inputs };
    await inferAsDevice(link, work);
  };
  /** Asks until the announced scale fits, and tells how often. */
  const askUntil = async (fits: (scale: number) => boolean, atMost: number) => {
    for (let asked = 1; asked <= atMost; asked++) {
      await ask();
      // At most every 250 ms something is announced.
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (fits(edgeScale())) return asked;
    }
    throw new Error(`After ${atMost} requests the edge announces a scale of ${edgeScale()}`);
  };
  /** Share of the work that a stream's best plan leaves to the edge, on the profiles as they are announced. */
  const edgeShare = () => {
    const device: TierProfile = {
      tier: 'device',
      backend: 'wasm',
      gflops: 0.1,
      fixedMs: 1,
      concurrency: 1,
      slowdown: 1,
    };
    const near = { upBytesPerMs: 1e5, downBytesPerMs: 1e5, delayMs: 1 };
    const problem = buildProblem({
      ...{ graph: manifest, profiles: [device, ...profiles], links: [near, ...links], objective: 'throughput' },
      constraints: { unavailable: ['device'] },
    });
    const { strategies, chosen } = planProblem(problem);
    const plan = strategies[chosen];
    if (plan === undefined || !isPlan(plan)) throw new Error('no plan');
    const flopsOf = (fits: (tier: number) => boolean) =>
      manifest.layers.reduce((sum, { flops }, index) => sum + (fits(plan.tierOf[index] ?? 0) ? flops : 0), 0);
    return flopsOf((tier) => tier === 1) / flopsOf(() => true);
  };

  it('announces twice the times within a few requests, layers leave it, and they come back when it is alone again', async () => {
    for (let warm = 0; warm < 8; warm++) await ask();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const idleScale = edgeScale();
    const idleShare = edgeShare();

    thief = spawn('taskset', ['-c', `${EDGE_CORE}`, process.execPath, '-e', 'for (;;) {}'], { stdio: 'ignore' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await askUntil((scale) => scale > idleScale * CLEARLY_LOADED && edgeShare() < idleShare, 25);
    expect(edgeScale() / idleScale).toBeLessThan(3);
    const loadedShare = edgeShare();

    thief.kill('SIGKILL');
    // Nothing is asked of it now: what left it must be able to come back all the same.
    const isBack = () => edgeScale() < idleScale * ABOUT_AS_BEFORE && edgeShare() > loadedShare;
    for (let wait = 0; wait < 80 && !isBack(); wait++) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(edgeScale() / idleScale).toBeLessThan(ABOUT_AS_BEFORE);
    expect(edgeShare()).toBeGreaterThan(loadedShare);
  }, 40_000);
});
