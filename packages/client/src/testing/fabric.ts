import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeManifest, extractSegment, type PackedModel, packModel } from '@d3/onnx';
import type { Constraints } from '@d3/partition';
import { createNodeBackend, inferShapes } from '@d3/runtime/node';
import { type ServeOptions, type Server, serve } from '@d3/server';
import { makeTensor, type Tensor, type TensorMap } from '@d3/tensor';
import { type ShapingProxy, startShapingProxy } from '@d3/testkit';
import type { ConnectOptions, InferInput, Session } from '../index.ts';
import { connect } from '../index.ts';

const SKETCH = new URL('../../../zoo/sketch-resnet/', import.meta.url);

type Placed = { readonly placement: readonly { readonly tier: string; readonly layers: readonly number[] }[] };

/** An edge and a cloud on loopback that serve the sketch classifier, and the sessions and servers that tests open beside them. */
export class Fabric {
  readonly root: string;
  readonly packed: PackedModel;
  readonly cloud: Server;
  readonly edge: Server;
  readonly #sessions = new Set<Session>();
  readonly #closing: (() => Promise<void>)[] = [];

  private constructor(parts: { root: string; packed: PackedModel; cloud: Server; edge: Server }) {
    this.root = parts.root;
    this.packed = parts.packed;
    this.cloud = parts.cloud;
    this.edge = parts.edge;
  }

  /** Packs the model into the cloud's folder and starts both. */
  static async start(): Promise<Fabric> {
    const root = await mkdtemp(join(tmpdir(), 'd3-client-'));
    const packed = await packSketch(join(root, 'cloud-models', 'sketch-resnet'));
    await mkdir(join(root, 'edge-models'));
    const cloud = await serveCloud(root);
    return new Fabric({ root, packed, cloud, edge: await serveEdge(root, cloud.url) });
  }

  /** Folder of the packed model. */
  get folder(): string {
    return join(this.root, 'cloud-models', 'sketch-resnet');
  }

  /** Ends what a test has opened. */
  async afterEach(): Promise<void> {
    for (const session of this.#sessions) await session.close();
    this.#sessions.clear();
    for (const close of this.#closing.splice(0)) await close();
  }

  /** Ends all. */
  async close(): Promise<void> {
    await this.afterEach();
    await this.edge.close();
    await this.cloud.close();
    await rm(this.root, { recursive: true, force: true });
  }

  /** A session with the edge; closed after the test. */
  async open(options: Partial<ConnectOptions> = {}): Promise<Session> {
    return this.adopt(await connect({ model: 'sketch-resnet', edge: this.edge.link, ...options }));
  }

  /** Closes a session after the test. */
  adopt(session: Session): Session {
    this.#sessions.add(session);
    return session;
  }

  /** Another edge, for tests that end one; ends after the test. */
  async serveEdge(options: Partial<ServeOptions> = {}): Promise<Server> {
    const edge = await serveEdge(this.root, this.cloud.url, options);
    this.#closing.push(() => edge.close());
    return edge;
  }

  /** Another cloud, for tests that end one; ends after the test. */
  async serveCloud(options: Partial<ServeOptions> = {}): Promise<Server> {
    const cloud = await serveCloud(this.root, options);
    this.#closing.push(() => cloud.close());
    return cloud;
  }

  /** A proxy before the edge, or before `target`; ends after the test. */
  async tapped(
    onPath: (path: string) => void = () => undefined,
    target: string = this.edge.url,
  ): Promise<ShapingProxy> {
    const tap = (event: { kind: string; path?: string }) => {
      if (event.kind === 'http' && event.path !== undefined) onPath(event.path);
    };
    const proxy = await startShapingProxy({ target, tap });
    this.#closing.push(() => proxy.close());
    return proxy;
  }

  /** Constraints that give each of these tiers a convolution: the first is kept or held there, others are pinned. */
  over(...tiers: ('device' | 'edge' | 'cloud')[]): Constraints {
    const convs = this.packed.manifest.layers.filter(({ ops }) => ops.includes('Conv')).map(({ name }) => name);
    const at = (index: number) => convs[Math.round((index / Math.max(1, tiers.length - 1)) * (convs.length - 1))] ?? '';
    const [first, ...rest] = tiers;
    const pin = Object.fromEntries(rest.map((tier, index) => [at(index + 1), tier]));
    return first === 'device' ? { keepOnDevice: 2, pin } : { pin: { ...pin, [at(0)]: first ?? '' } };
  }

  /** The whole network in one piece: what every split must agree with, bit by bit. */
  async runWhole(inputs: TensorMap): Promise<TensorMap> {
    const { packed } = this;
    const backend = await createNodeBackend();
    const layers = packed.manifest.layers.map((_, index) => index);
    const model = extractSegment(packed, layers, { locate: ({ id }) => ({ path: id, offset: 0 }) });
    const weights = { kind: 'blobs', blobs: packed.weights } as const;
    const session = await backend.prepare({ id: 'whole', model, level: packed.manifest.level, weights });
    const { outputs } = await session.run(inputs);
    await backend.dispose();
    return outputs;
  }

  /** Layers with a convolution that ran on each tier. */
  convsOf(result: Placed): number[] {
    const isConv = (index: number) => this.packed.manifest.layers[index]?.ops.includes('Conv') === true;
    return result.placement.map(({ layers }) => layers.filter(isConv).length);
  }
}

/** Packs the sketch classifier into the folder of one server. */
async function packSketch(folder: string): Promise<PackedModel> {
  const source = new Uint8Array(await readFile(new URL('sketch-resnet.onnx', SKETCH)));
  const model = await packModel(source, { name: 'sketch-resnet', infer: inferShapes });
  await mkdir(join(folder, 'weights'), { recursive: true });
  await writeFile(join(folder, 'manifest.json'), encodeManifest(model.manifest));
  await writeFile(join(folder, 'graph.onnx'), model.graph);
  for (const [id, bytes] of model.weights) await writeFile(join(folder, 'weights', id), bytes);
  for (const [from, to] of [
    ['sketch-resnet.d3.json', 'model.d3.json'],
    ['labels.json', 'labels.json'],
  ] as const) {
    await writeFile(join(folder, to), await readFile(new URL(from, SKETCH)));
  }
  return model;
}

function serveCloud(root: string, options: Partial<ServeOptions> = {}): Promise<Server> {
  const own = { tier: 'cloud', models: join(root, 'cloud-models'), cache: join(root, 'cloud-cache'), workers: 1 };
  return serve({ ...own, ...options });
}

function serveEdge(root: string, upstream: string, options: Partial<ServeOptions> = {}): Promise<Server> {
  const own = {
    tier: 'edge',
    models: join(root, 'edge-models'),
    cache: join(root, 'edge-cache'),
    workers: 1,
    upstream,
  };
  return serve({ ...own, ...options });
}

/** An input of the model, different for each seed. */
export function drawing(seed: number): Tensor {
  const values = Float32Array.from({ length: 128 * 128 }, (_, index) => ((index * (seed + 3)) % 97) / 97);
  return makeTensor('image', 'float32', [1, 1, 128, 128], values);
}

/** {@link drawing} as a request takes it. */
export const tensors = (seed: number): InferInput => ({ kind: 'tensors', tensors: { image: drawing(seed) } });

/** A drawing of the zoo, as a file. */
export const sample = async (name: string): Promise<Blob> =>
  new Blob([await readFile(new URL(`samples/${name}`, SKETCH))]);

/** Where a request ran. */
export const tiersOf = (result: Placed): string[] => result.placement.map(({ tier }) => tier);
