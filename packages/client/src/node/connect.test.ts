import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { encodeManifest, extractSegment, type PackedModel, packModel } from '@d3/onnx';
import type { Constraints } from '@d3/partition';
import { createNodeBackend, inferShapes } from '@d3/runtime/node';
import { type Server, serve } from '@d3/server';
import { makeTensor, type Tensor, type TensorMap } from '@d3/tensor';
import { type ShapingProxy, startShapingProxy } from '@d3/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ConnectOptions, InferInput, Progress, Session, SessionEvents } from '../index.ts';
import { connect, pictureOf } from '../index.ts';

const SKETCH = new URL('../../../zoo/sketch-resnet/', import.meta.url);

let root = '';
let packed: PackedModel;
let cloud: Server;
let edge: Server;
const sessions = new Set<Session>();
const closing: (() => Promise<void>)[] = [];

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

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'd3-client-'));
  packed = await packSketch(join(root, 'cloud-models', 'sketch-resnet'));
  await mkdir(join(root, 'edge-models'));
  cloud = await serve({
    tier: 'cloud',
    models: join(root, 'cloud-models'),
    cache: join(root, 'cloud-cache'),
    workers: 1,
  });
  edge = await serveEdge();
});

afterEach(async () => {
  for (const session of sessions) await session.close();
  sessions.clear();
  for (const close of closing.splice(0)) await close();
});

afterAll(async () => {
  await edge?.close();
  await cloud?.close();
  await rm(root, { recursive: true, force: true });
});

function serveEdge(): Promise<Server> {
  const options = { tier: 'edge', models: join(root, 'edge-models'), cache: join(root, 'edge-cache'), workers: 1 };
  return serve({ ...options, upstream: cloud.url });
}

async function open(options: Partial<ConnectOptions> = {}): Promise<Session> {
  const session = await connect({ model: 'sketch-resnet', edge: edge.link, ...options });
  sessions.add(session);
  return session;
}

/** Constraints that give each of these tiers a convolution: the first is kept or held there, others are pinned. */
function over(...tiers: ('device' | 'edge' | 'cloud')[]): Constraints {
  const convs = packed.manifest.layers.filter(({ ops }) => ops.includes('Conv')).map(({ name }) => name);
  const at = (index: number) => convs[Math.round((index / Math.max(1, tiers.length - 1)) * (convs.length - 1))] ?? '';
  const [first, ...rest] = tiers;
  const pin = Object.fromEntries(rest.map((tier, index) => [at(index + 1), tier]));
  return first === 'device' ? { keepOnDevice: 2, pin } : { pin: { ...pin, [at(0)]: first ?? '' } };
}

function drawing(seed: number): Tensor {
  const values = Float32Array.from({ length: 128 * 128 }, (_, index) => ((index * (seed + 3)) % 97) / 97);
  return makeTensor('image', 'float32', [1, 1, 128, 128], values);
}

const tensors = (seed: number): InferInput => ({ kind: 'tensors', tensors: { image: drawing(seed) } });
const sample = async (name: string) => new Blob([await readFile(new URL(`samples/${name}`, SKETCH))]);

/** The whole network in one piece: what every split must agree with, bit by bit. */
async function runWhole(inputs: TensorMap): Promise<TensorMap> {
  const backend = await createNodeBackend();
  const layers = packed.manifest.layers.map((_, index) => index);
  const model = extractSegment(packed, layers, { locate: ({ id }) => ({ path: id, offset: 0 }) });
  const weights = { kind: 'blobs', blobs: packed.weights } as const;
  const session = await backend.prepare({ id: 'whole', model, level: packed.manifest.level, weights });
  const { outputs } = await session.run(inputs);
  await backend.dispose();
  return outputs;
}

const tiersOf = (result: { placement: readonly { tier: string }[] }) => result.placement.map(({ tier }) => tier);

/** Layers with a convolution that ran on each tier. */
function convsOf(result: { placement: readonly { layers: readonly number[] }[] }): number[] {
  const isConv = (index: number) => packed.manifest.layers[index]?.ops.includes('Conv') === true;
  return result.placement.map(({ layers }) => layers.filter(isConv).length);
}

describe('connect() over real servers', () => {
  it.each([
    [['device', 'edge', 'cloud']],
    [['device', 'edge']],
    [['device', 'cloud']],
    [['edge', 'cloud']],
    [['cloud']],
  ] as const)('splits over %j by constraints, and answers the whole network’s bits', async (tiers) => {
    const session = await open({ constraints: over(...tiers) });
    const result = await session.infer(tensors(1));
    expect(tiersOf(result)).toEqual(tiers);
    expect(convsOf(result).every((count) => count > 0)).toBe(true);
    expect(result.placement.flatMap(({ layers }) => layers).toSorted((a, b) => a - b)).toEqual(
      packed.manifest.layers.map((_, index) => index),
    );
    expect(result.outputs).toEqual(await runWhole({ image: drawing(1) }));
  });

  it('runs alone from a folder, without an edge', async () => {
    const folder = pathToFileURL(`${join(root, 'cloud-models', 'sketch-resnet')}/`).href;
    const session = await connect({ model: folder });
    sessions.add(session);
    const result = await session.infer({ kind: 'picture', picture: await pictureOf(await sample('00-circle.png')) });
    expect(tiersOf(result)).toEqual(['device']);
    expect(result.hops).toEqual([]);
    expect(result.answers[0]).toMatchObject({ kind: 'classes', top: [{ label: 'circle' }, {}, {}, {}, {}] });
    expect(session.profiles.map(({ tier }) => tier)).toEqual(['device']);
  });

  it('sends a picture as bytes when the plan starts past the device, with the same answer', async () => {
    const picture = await pictureOf(await sample('08-fish.png'));
    const far = await open({ constraints: over('edge', 'cloud') });
    const near = await open({ constraints: over('device', 'edge', 'cloud') });
    const input: InferInput = { kind: 'picture', picture };
    const [there, here] = await Promise.all([
      far.infer(input, { inspect: true }),
      near.infer(input, { inspect: true }),
    ]);
    expect(there.outputs).toEqual(here.outputs);
    expect(there.answers[0]).toMatchObject({ kind: 'classes', top: [{ label: 'fish' }, {}, {}, {}, {}] });
    expect(there.crossed).toMatchObject({ image: { type: 'uint8', shape: [128, 128, 1] } });
    expect(there.hops[0]?.bytesUp).toBeLessThanOrEqual(128 * 128);
    expect(Object.keys(here.crossed ?? {})).not.toContain('image');
  });

  it('takes strokes, and keeps the drawing on the device when told so in every plan', async () => {
    const session = await open({ constraints: { keepOnDevice: 3 } });
    const strokes = {
      strokes: [
        Array.from({ length: 60 }, (_, i) => [0.5 + 0.3 * Math.cos(i / 9.4), 0.5 + 0.3 * Math.sin(i / 9.4)] as const),
      ],
    };
    const result = await session.infer({ kind: 'strokes', strokes }, { inspect: true });
    expect(result.answers[0]).toMatchObject({ top: [{ label: 'circle' }, {}, {}, {}, {}] });
    for (const plan of Object.values(session.report.strategies)) {
      if ('tierOf' in plan) expect(plan.tierOf.slice(0, 3)).toEqual([0, 0, 0]);
    }
    expect(Object.keys(result.crossed ?? {})).not.toContain('image');
  });

  it('answers 20 concurrent requests each with its own, and one that is cancelled among them alone fails', async () => {
    const session = await open({ constraints: over('device', 'edge', 'cloud') });
    const cancel = new AbortController();
    const runs = Array.from({ length: 20 }, (_, seed) =>
      session.infer(tensors(seed), seed === 7 ? { signal: cancel.signal } : {}),
    );
    cancel.abort(new Error('not wanted'));
    const results = await Promise.allSettled(runs);
    expect(results.map(({ status }) => status === 'rejected')).toEqual(results.map((_, seed) => seed === 7));
    expect(results[7]).toMatchObject({ reason: { message: 'not wanted' } });
    const wholes = new Set<string>();
    for (const [seed, result] of results.entries()) {
      if (result.status === 'rejected') continue;
      const whole = await runWhole({ image: drawing(seed) });
      expect(result.value.outputs).toEqual(whole);
      wholes.add(String(whole.logits?.bytes));
    }
    expect(wholes.size).toBe(19);
  });

  it('replans under requests: each finishes on the epoch that it began with', async () => {
    const session = await open({ constraints: over('device', 'edge', 'cloud') });
    const plans: SessionEvents['plan'][] = [];
    session.on('plan', (plan) => plans.push(plan));
    const before = Array.from({ length: 4 }, (_, seed) => session.infer(tensors(seed)));
    const report = await session.replan({ constraints: over('device', 'edge') });
    const after = await session.infer(tensors(9));
    expect((await Promise.all(before)).map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1]);
    expect(after.epoch).toBe(2);
    expect(tiersOf(after)).toEqual(['device', 'edge']);
    expect(session.report).toEqual(report);
    expect(plans.map(({ epoch }) => epoch)).toEqual([2]);
  });

  it('slows the device by a stated factor, marked as emulated', async () => {
    const session = await open({ slowdown: 3, constraints: over('device', 'edge') });
    const result = await session.infer(tensors(1));
    expect(result.placement.map(({ emulated, slowdown }) => [emulated, slowdown])).toEqual([
      [true, 3],
      [false, 1],
    ]);
    expect(session.profiles[0]?.slowdown).toBe(3);
  });

  it('fetches only the weights of its own segment, shows their bytes, and none on a second visit', async () => {
    const paths: string[] = [];
    const proxy = await tapped((path) => paths.push(path));
    const cache = join(root, 'visits');
    // The layers after the kept ones are pinned, so that both visits cut the device's segment alike.
    const after = packed.manifest.layers.slice(2, 6).map(({ name }) => [name, 'edge']);
    const constraints = { keepOnDevice: 2, pin: Object.fromEntries(after) };
    const options = { edge: `${proxy.wsUrl}/d3/link`, cache, constraints };
    const progress: Progress[] = [];
    const session = await open({ ...options, onProgress: (step) => progress.push(step) });
    const own = (await session.infer(tensors(1))).placement[0]?.layers ?? [];
    const wanted = new Set(own.flatMap((index) => (packed.manifest.layers[index]?.weights ?? []).map(({ id }) => id)));
    const external = packed.manifest.weights.filter(({ id }) => wanted.has(id));
    const blobs = () => paths.filter((path) => path.includes('/weights/')).map((path) => path.split('/').at(-1));
    expect(blobs().toSorted()).toEqual(external.map(({ id }) => id).toSorted());
    expect(external.length).toBeGreaterThan(0);
    const bytes = external.reduce((sum, weight) => sum + weight.bytes, 0);
    expect(progress.at(-1)).toEqual({
      phase: 'ready',
      fraction: 1,
      loadedBytes: bytes,
      totalBytes: bytes,
      cachedBytes: 0,
    });
    paths.length = 0;
    await open({ ...options, onProgress: (step) => progress.push(step) });
    expect(blobs()).toEqual([]);
    expect(progress.at(-1)).toMatchObject({ loadedBytes: bytes, cachedBytes: bytes });
  });
});

async function tapped(onPath: (path: string) => void): Promise<ShapingProxy> {
  const tap = (event: { kind: string; path?: string }) => {
    if (event.kind === 'http' && event.path !== undefined) onPath(event.path);
  };
  const proxy = await startShapingProxy({ target: edge.url, tap });
  closing.push(() => proxy.close());
  return proxy;
}

describe('connect() refuses', () => {
  it.each([
    ['an unknown model', { model: 'nothing' }, 'CLIENT_MODEL_UNKNOWN', 'sketch-resnet'],
    ['a model hash that the edge lacks', { model: 'f'.repeat(64) }, 'CLIENT_MODEL_UN', 'f'.repeat(64)],
    ['an edge that is not there', { edge: 'ws://127.0.0.1:9/d3/link' }, 'CLIENT_EDGE_UNREACHABLE', '127.0.0.1:9'],
    ['an address that is none', { edge: 'edge.local' }, 'CLIENT_OPTION_INVALID', 'ws:// or wss://'],
    ['a slowdown below 1', { slowdown: 0.5 }, 'CLIENT_OPTION_INVALID', 'at least 1'],
    ['a backend that Node has not', { backends: ['webgpu'] }, 'CLIENT_OPTION_INVALID', 'cpu'],
    ['to keep nothing', { constraints: { keepOnDevice: 0 } }, 'CLIENT_OPTION_INVALID', '1 or more'],
    ['a pin to no tier', { constraints: { pin: { x: 'moon' } } }, 'PARTITION_PROBLEM_INVALID', 'pin'],
  ] as const)('%s', async (_, options, code, text) => {
    await expect(open(options as Partial<ConnectOptions>)).rejects.toMatchObject({
      code: expect.stringContaining(code),
      message: expect.stringContaining(text),
    });
  });

  it('a model whose files do not belong together', async () => {
    const folder = join(root, 'tampered');
    await cp(join(root, 'cloud-models', 'sketch-resnet'), folder, { recursive: true });
    const model = pathToFileURL(folder).href;
    const [blob] = packed.weights.keys();
    await writeFile(join(folder, 'weights', blob ?? ''), 'evil');
    const corrupt = { code: 'CLIENT_MODEL_CORRUPT', message: expect.stringContaining(`weights/${blob}`) };
    await expect(connect({ model })).rejects.toMatchObject(corrupt);
    await writeFile(join(folder, 'graph.onnx'), 'evil');
    await expect(connect({ model })).rejects.toMatchObject({ message: expect.stringContaining('graph.onnx of model') });
    await writeFile(join(folder, 'model.d3.json'), '{');
    await expect(connect({ model })).rejects.toMatchObject({ message: expect.stringContaining('model.d3.json') });
    await writeFile(join(folder, 'manifest.json'), '{}');
    await expect(connect({ model })).rejects.toMatchObject({ code: 'ONNX_PACK_INVALID' });
  });

  it('constraints that no plan can respect', async () => {
    const [first, last] = [packed.manifest.layers[0]?.name ?? '', packed.manifest.layers.at(-1)?.name ?? ''];
    const constraints = { pin: { [first]: 'cloud', [last]: 'device' } };
    await expect(open({ constraints })).rejects.toMatchObject({ code: 'CLIENT_PLAN_INFEASIBLE' });
  });

  it('to go on when aborted, with the signal’s reason', async () => {
    const cancel = new AbortController();
    const opening = open({ signal: cancel.signal, onProgress: () => cancel.abort(new Error('enough')) });
    await expect(opening).rejects.toThrow('enough');
  });
});

describe('infer() refuses', () => {
  it.each([
    ['an input that the model has not', { other: drawing(1) }, 'CLIENT_INPUT_UNKNOWN', "'image'"],
    ['a missing input', {}, 'CLIENT_INPUT_MISSING', '[1,1,128,128]'],
    ['a wrong shape', { image: { ...drawing(1), shape: [1, 128, 128] } }, 'CLIENT_INPUT_MISMATCH', '[1,128,128]'],
    ['a wrong type', { image: { ...drawing(1), type: 'int32' } }, 'CLIENT_INPUT_MISMATCH', 'int32'],
  ] as const)('%s, and the session stays usable', async (_, bad, code, text) => {
    const session = await open();
    const run = session.infer({ kind: 'tensors', tensors: bad as unknown as TensorMap });
    await expect(run).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
    expect((await session.infer(tensors(1))).outputs).toHaveProperty('logits');
  });

  it.each([
    { kind: 'picture', picture: { width: 2, height: 2 } },
    { kind: 'picture' },
    { kind: 'strokes', strokes: [[0, 0]] },
  ])('%o, which is neither picture nor drawing', async (input) => {
    const session = await open();
    await expect(session.infer(input as unknown as InferInput)).rejects.toMatchObject({ code: 'CLIENT_INPUT_KIND' });
  });

  it('a deadline that is none, and a goal that is none, and keeps its plan', async () => {
    const session = await open({ constraints: { keepOnDevice: 2 } });
    for (const deadlineMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      await expect(session.infer(tensors(1), { deadlineMs })).rejects.toMatchObject({ code: 'CLIENT_OPTION_INVALID' });
    }
    const misspelt = { keeponDevice: 3 } as Constraints;
    await expect(session.replan({ constraints: misspelt })).rejects.toMatchObject({ code: 'CLIENT_OPTION_INVALID' });
    expect(session.report.problem.constraints.keepOnDevice).toBe(2);
  });

  it('to take longer than its deadline', async () => {
    const session = await open({ slowdown: 1000, constraints: over('device', 'edge') });
    const run = session.infer(tensors(1), { deadlineMs: 30 });
    await expect(run).rejects.toMatchObject({ code: 'CLIENT_DEADLINE_EXCEEDED' });
  });

  it('to go on after close(), pending requests included', async () => {
    const session = await open({ slowdown: 100, constraints: over('device', 'edge') });
    const pending = expect(session.infer(tensors(1))).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
    const closed = vi.fn();
    session.on('closed', closed);
    await session.close();
    await pending;
    await expect(session.infer(tensors(1))).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
    expect(closed).toHaveBeenCalledTimes(1);
  });
});

describe('a lost edge', () => {
  it('leaves the device to finish alone, and is used again when it is back', async () => {
    const proxy = await tapped(() => undefined);
    const session = await open({ edge: `${proxy.wsUrl}/d3/link`, constraints: { keepOnDevice: 2 } });
    const lost = vi.fn();
    session.on('lost', lost);
    await session.infer(tensors(1));
    proxy.cut();
    const result = await session.infer(tensors(2));
    expect(result.outputs).toEqual(await runWhole({ image: drawing(2) }));
    expect(tiersOf(result)).toEqual(['device']);
    expect(lost).toHaveBeenCalledWith(expect.objectContaining({ what: 'edge' }));
    proxy.restore();
    await vi.waitFor(() => expect(session.report.problem.constraints.unavailable ?? []).toEqual([]), { timeout: 8000 });
    expect((await session.infer(tensors(3))).outputs).toEqual(await runWhole({ image: drawing(3) }));
  });

  it('that the plan cannot do without gives a typed error until it is back', async () => {
    const proxy = await tapped(() => undefined);
    const session = await open({ edge: `${proxy.wsUrl}/d3/link`, constraints: over('device', 'edge') });
    proxy.cut();
    await expect(session.infer(tensors(1))).rejects.toMatchObject({
      // Which of the two depends on whether the link past the edge, to the cloud, is there already.
      code: expect.stringMatching(/CLIENT_(EDGE_LOST|TIER_AWAY)/),
      retryable: true,
    });
    proxy.restore();
    const back = async () => expect(tiersOf(await session.infer(tensors(2)))).toEqual(['device', 'edge']);
    await vi.waitFor(back, { timeout: 8000, interval: 200 });
  });
});

describe('a draining edge', () => {
  it('finishes what runs; then the device goes on alone', async () => {
    const own = await serveEdge();
    closing.push(() => own.close());
    // Once alone, so that the device has every weight: a server that goes away may not serve them to the end.
    const session = await open({ edge: own.link, constraints: { keepOnDevice: 25 } });
    expect(tiersOf(await session.infer(tensors(0)))).toEqual(['device']);
    await session.replan({ constraints: { keepOnDevice: 2 } });
    const lost = vi.fn();
    session.on('lost', lost);
    const runs = Array.from({ length: 4 }, (_, seed) => session.infer(tensors(seed)));
    const drained = own.close('maintenance');
    for (const [seed, { outputs }] of (await Promise.all(runs)).entries()) {
      expect(outputs).toEqual(await runWhole({ image: drawing(seed) }));
    }
    await drained;
    expect(tiersOf(await session.infer(tensors(5)))).toEqual(['device']);
    expect(lost).toHaveBeenCalled();
  });
});

describe('pictureOf() in Node', () => {
  it('reads files and pixels, and refuses the rest', async () => {
    expect(await pictureOf(await sample('09-sun.png'))).toMatchObject({ width: 128, height: 128 });
    await expect(pictureOf(new Blob(['no picture']))).rejects.toMatchObject({ code: 'RUNTIME_PICTURE_INVALID' });
    await expect(pictureOf({} as Blob)).rejects.toMatchObject({ code: 'CLIENT_PICTURE_UNREADABLE' });
  });
});
