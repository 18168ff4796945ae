import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Session } from '@d3/client';
import type { PackedModel } from '@d3/onnx';
import { writePacked } from '../bed/write-packed.ts';
import { startTierServer, type TierServer } from '../profile/end-to-end-server.ts';

/** Factors by which the tiers really are slowed. */
export interface TierSlowdowns {
  readonly device: number;
  readonly edge: number;
  readonly cloud: number;
}

/** A device here, an edge and a cloud in processes of their own, joined by loopback. */
export interface StreamBed {
  /** Connects, planning for throughput over all tiers. */
  open(model: string): Promise<Session>;
  close(): Promise<void>;
}

/** Starts all of it with these models at the cloud. The caller closes it. */
export async function openStreamBed(models: readonly PackedModel[], slowdowns: TierSlowdowns): Promise<StreamBed> {
  const root = await mkdtemp(join(tmpdir(), 'd3-stream-'));
  const folders = { cloud: join(root, 'cloud-models'), edge: join(root, 'edge-models') };
  const servers: TierServer[] = [];
  const close = async () => {
    for (const server of servers) await server.close();
    await rm(root, { recursive: true, force: true });
  };
  try {
    await mkdir(folders.edge);
    for (const model of models) await writePacked(model, join(folders.cloud, model.manifest.name));
    const cloud = { tier: 'cloud', models: folders.cloud, cache: join(root, 'cloud'), core: undefined } as const;
    const far = await startTierServer({ ...cloud, slowdown: slowdowns.cloud });
    servers.unshift(far);
    const edge = { tier: 'edge', models: folders.edge, cache: join(root, 'edge'), core: undefined } as const;
    const near = await startTierServer({ ...edge, slowdown: slowdowns.edge, upstream: far.url });
    servers.unshift(near);
    const link = `${near.url.replace('http:', 'ws:')}/d3/link`;
    const device = { edge: link, cache: join(root, 'device'), slowdown: slowdowns.device } as const;
    const how = { objective: 'throughput', ready: 'planned', standby: false } as const;
    return { open: (model) => connect({ ...device, ...how, model }), close };
  } catch (error) {
    await close();
    throw error;
  }
}
