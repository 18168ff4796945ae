import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extractSegment, type Manifest } from '@d3/onnx';
import { segmentsOf } from '@d3/partition';
import type { LinkClient, LinkNotice, LinkResult } from '@d3/protocol';
import type { Backend, SegmentSession } from '@d3/runtime';
import type { Tensor, TensorMap } from '@d3/tensor';
import { connectLink } from '../upstream/connect-link.ts';

/** Opens a link and greets as a device would. */
export async function greet(
  url: string,
  options: { token?: string; onNotice?: (notice: LinkNotice) => void } = {},
): Promise<LinkClient> {
  const link = await connectLink({ url, hop: 'device-edge', ...(options.onNotice && { onNotice: options.onNotice }) });
  const token = options.token === undefined ? {} : { token: options.token };
  await link.ask('hello', { protocol: 1, tier: 'device', agent: 'test', numericClass: 'test', ...token });
  return link;
}

/** Prepares some layers of a packed model in a folder. */
export async function prepareLayers(
  backend: Backend,
  packed: { folder: string; manifest: Manifest },
  layers: readonly number[],
): Promise<SegmentSession> {
  const { folder, manifest } = packed;
  const graph = new Uint8Array(await readFile(join(folder, 'graph.onnx')));
  const model = extractSegment({ manifest, graph }, layers, {
    locate: ({ id }) => ({ path: `weights/${id}`, offset: 0 }),
  });
  const blobs = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const { id } of model.weights) {
    blobs.set(`weights/${id}`, new Uint8Array(await readFile(join(folder, 'weights', id))));
  }
  const id = `device/${layers.join('.')}`;
  return await backend.prepare({ id, model, level: manifest.level, weights: { kind: 'blobs', blobs } });
}

/** Plays the device: runs its layers, sends what crosses, and returns all outputs of the network. */
export async function inferAsDevice(
  link: LinkClient,
  work: {
    manifest: Manifest;
    tierOf: readonly number[];
    tierCount: number;
    epoch: number;
    session: SegmentSession | undefined;
    inputs: TensorMap;
    signal?: AbortSignal;
  },
): Promise<{ outputs: TensorMap; result: LinkResult }> {
  const { manifest, tierOf, tierCount, epoch, session, inputs } = work;
  const { boundaries } = segmentsOf(manifest, tierOf, tierCount);
  const made = session === undefined ? {} : (await session.run(inputs)).outputs;
  const known: Record<string, Tensor> = { ...inputs, ...made };
  const tensors: Record<string, Tensor> = {};
  for (const name of boundaries[0] ?? []) {
    const tensor = known[name];
    if (tensor === undefined) throw new TypeError(`Boundary tensor '${name}' was not made`);
    tensors[name] = tensor;
  }
  const result = await link.infer({ epoch, tensors, ...(work.signal && { signal: work.signal }) });
  const mine = manifest.tensors.filter(({ name, isOutput }) => isOutput && made[name] !== undefined);
  const own = Object.fromEntries(mine.map(({ name }) => [name, made[name] as Tensor]));
  return { outputs: { ...own, ...result.outputs }, result };
}
