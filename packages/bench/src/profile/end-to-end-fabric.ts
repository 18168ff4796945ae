import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectOptions, connect, type Session } from '@d3/client';
import type { PackedModel } from '@d3/onnx';
import { type ShapingProxy, startShapingProxy } from '@d3/testkit';
import { writePacked } from '../bed/write-packed.ts';
import { backbone, type ShapedLink } from './end-to-end-links.ts';
import { keepOnCores, startTierServer, type TierServer } from './end-to-end-server.ts';

/** Factors by which the tiers really are slowed. */
export const slowdowns = { device: 4, edge: 2, cloud: 1 } as const;

/** A device here, an edge and a cloud in processes of their own, and a shaped link before each of the two. */
export interface Fabric {
  /** Whether the device has one core and the servers another. */
  readonly pinned: boolean;
  /** Sets the device's link from now on; undefined: none that could be noticed. */
  shape(link: ShapedLink | undefined): void;
  /** Connects through the links. Weights and profiles that earlier sessions of this fabric had are there. */
  open(options: Pick<ConnectOptions, 'model' | 'constraints'>): Promise<Session>;
  close(): Promise<void>;
}

const DEVICE_CORE = 0;
const SERVER_CORE = 1;
const UNSHAPED = { bytesPerMs: Number.POSITIVE_INFINITY, delayMs: 0, slowStart: false };

/** Starts all of it with these models at the cloud. The caller closes it. */
export async function openFabric(models: readonly PackedModel[]): Promise<Fabric> {
  const root = await mkdtemp(join(tmpdir(), 'd3-predict-'));
  const folders = { cloud: join(root, 'cloud-models'), edge: join(root, 'edge-models') };
  await mkdir(folders.edge);
  for (const model of models) await writePacked(model, join(folders.cloud, model.manifest.name));
  const pinned = availableParallelism() > SERVER_CORE && (await keepOnCores(String(DEVICE_CORE)));
  const core = pinned ? SERVER_CORE : undefined;
  const parts: { servers: TierServer[]; proxies: ShapingProxy[] } = { servers: [], proxies: [] };
  const close = async () => {
    for (const proxy of parts.proxies) await proxy.close();
    for (const server of parts.servers) await server.close();
    if (pinned) await keepOnCores(`0-${availableParallelism() - 1}`);
    await rm(root, { recursive: true, force: true });
  };
  try {
    const cloud = { tier: 'cloud', models: folders.cloud, cache: join(root, 'cloud'), core } as const;
    const far = await startTierServer({ ...cloud, slowdown: slowdowns.cloud });
    parts.servers.push(far);
    const upstream = await startShapingProxy({ target: far.url, ...backbone });
    parts.proxies.push(upstream);
    const edge = { tier: 'edge', models: folders.edge, cache: join(root, 'edge'), core } as const;
    const near = await startTierServer({ ...edge, slowdown: slowdowns.edge, upstream: upstream.httpUrl });
    parts.servers.unshift(near);
    const access = await startShapingProxy({ target: near.url });
    parts.proxies.unshift(access);
    const address = `${access.wsUrl}/d3/link`;
    const device = { edge: address, cache: join(root, 'device'), slowdown: slowdowns.device } as const;
    return {
      pinned,
      shape: (link) => {
        access.update(link ?? { up: UNSHAPED, down: UNSHAPED });
      },
      open: (options) => connect({ ...device, ready: 'planned', ...options }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
