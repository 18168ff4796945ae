import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { InferInput, Progress, SessionEvents } from '../index.ts';
import { connect, pictureOf } from '../index.ts';
import { drawing, Fabric, sample, tensors, tiersOf } from '../testing/fabric.ts';

let fabric: Fabric;

beforeAll(async () => {
  fabric = await Fabric.start();
});

afterEach(() => fabric.afterEach());

afterAll(() => fabric?.close());

describe('connect() over real servers', () => {
  it.each([
    [['device', 'edge', 'cloud']],
    [['device', 'edge']],
    [['device', 'cloud']],
    [['edge', 'cloud']],
    [['cloud']],
  ] as const)('splits over %j by constraints, and answers the whole network’s bits', async (tiers) => {
    const session = await fabric.open({ constraints: fabric.over(...tiers) });
    const result = await session.infer(tensors(1));
    expect(tiersOf(result)).toEqual(tiers);
    expect(fabric.convsOf(result).every((count) => count > 0)).toBe(true);
    expect(result.placement.flatMap(({ layers }) => layers).toSorted((a, b) => a - b)).toEqual(
      fabric.packed.manifest.layers.map((_, index) => index),
    );
    expect(result.outputs).toEqual(await fabric.runWhole({ image: drawing(1) }));
  });

  it('runs alone from a folder, without an edge', async () => {
    const folder = pathToFileURL(`${join(fabric.root, 'cloud-models', 'sketch-resnet')}/`).href;
    const session = await connect({ model: folder });
    fabric.adopt(session);
    const result = await session.infer({ kind: 'picture', picture: await pictureOf(await sample('00-circle.png')) });
    expect(tiersOf(result)).toEqual(['device']);
    expect(result.hops).toEqual([]);
    expect(result.answers[0]).toMatchObject({ kind: 'classes', top: [{ label: 'circle' }, {}, {}, {}, {}] });
    expect(session.profiles.map(({ tier }) => tier)).toEqual(['device']);
  });

  it('sends a picture as bytes when the plan starts past the device, with the same answer', async () => {
    const picture = await pictureOf(await sample('08-fish.png'));
    const far = await fabric.open({ constraints: fabric.over('edge', 'cloud') });
    const near = await fabric.open({ constraints: fabric.over('device', 'edge', 'cloud') });
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
    const session = await fabric.open({ constraints: { keepOnDevice: 3 } });
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
    const session = await fabric.open({ constraints: fabric.over('device', 'edge', 'cloud') });
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
      const whole = await fabric.runWhole({ image: drawing(seed) });
      expect(result.value.outputs).toEqual(whole);
      wholes.add(String(whole.logits?.bytes));
    }
    expect(wholes.size).toBe(19);
  });

  it('replans under requests: each finishes on the epoch that it began with', async () => {
    const session = await fabric.open({ constraints: fabric.over('device', 'edge', 'cloud') });
    const plans: SessionEvents['plan'][] = [];
    session.on('plan', (plan) => plans.push(plan));
    const before = Array.from({ length: 4 }, (_, seed) => session.infer(tensors(seed)));
    const report = await session.replan({ constraints: fabric.over('device', 'edge') });
    const after = await session.infer(tensors(9));
    expect((await Promise.all(before)).map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1]);
    expect(after.epoch).toBe(2);
    expect(tiersOf(after)).toEqual(['device', 'edge']);
    expect(session.report).toEqual(report);
    expect(plans.map(({ epoch }) => epoch)).toEqual([2]);
  });

  it('slows the device by a stated factor, marked as emulated', async () => {
    const session = await fabric.open({ slowdown: 3, constraints: fabric.over('device', 'edge') });
    const result = await session.infer(tensors(1));
    expect(result.placement.map(({ emulated, slowdown }) => [emulated, slowdown])).toEqual([
      [true, 3],
      [false, 1],
    ]);
    expect(session.profiles[0]?.slowdown).toBe(3);
  });

  it('fetches only the weights of its own segment, shows their bytes, and none on a second visit', async () => {
    const paths: string[] = [];
    const proxy = await fabric.tapped((path) => paths.push(path));
    const cache = join(fabric.root, 'visits');
    // The layers after the kept ones are pinned, so that both visits cut the device's segment alike.
    const after = fabric.packed.manifest.layers.slice(2, 6).map(({ name }) => [name, 'edge']);
    const constraints = { keepOnDevice: 2, pin: Object.fromEntries(after) };
    const options = { edge: `${proxy.wsUrl}/d3/link`, cache, constraints };
    const progress: Progress[] = [];
    const session = await fabric.open({ ...options, onProgress: (step) => progress.push(step) });
    const own = (await session.infer(tensors(1))).placement[0]?.layers ?? [];
    const wanted = new Set(
      own.flatMap((index) => (fabric.packed.manifest.layers[index]?.weights ?? []).map(({ id }) => id)),
    );
    const external = fabric.packed.manifest.weights.filter(({ id }) => wanted.has(id));
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
    await fabric.open({ ...options, onProgress: (step) => progress.push(step) });
    expect(blobs()).toEqual([]);
    expect(progress.at(-1)).toMatchObject({ loadedBytes: bytes, cachedBytes: bytes });
  });
});

describe('pictureOf() in Node', () => {
  it('reads files and pixels, and refuses the rest', async () => {
    expect(await pictureOf(await sample('09-sun.png'))).toMatchObject({ width: 128, height: 128 });
    await expect(pictureOf(new Blob(['no picture']))).rejects.toMatchObject({ code: 'RUNTIME_PICTURE_INVALID' });
    await expect(pictureOf({} as Blob)).rejects.toMatchObject({ code: 'CLIENT_PICTURE_UNREADABLE' });
  });
});
