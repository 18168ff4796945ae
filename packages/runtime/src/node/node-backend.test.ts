import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { buildModel, type ManifestTensor, type NodeSpec, type SegmentModel } from '@d3/onnx';
import { byteLength, type ElementType, makeTensor, type Tensor, typedView } from '@d3/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, SegmentSpec } from '../backend.ts';
import { type Probe, probeInput, probeSegment } from '../probe-segment.ts';
import { createNodeBackend } from './index.ts';

const value = (name: string, type: ElementType, shape: readonly number[], isInput: boolean): ManifestTensor => ({
  name,
  type,
  shape,
  bytes: byteLength(type, shape),
  isInput,
  isOutput: !isInput,
});

function segment(id: string, model: SegmentModel): SegmentSpec {
  return { id, model, level: 'extended', weights: { kind: 'blobs', blobs: new Map() } };
}

/** y = op(x), of one type and shape. */
function unary(op: string, type: ElementType, shape: readonly number[]): SegmentSpec {
  const bytes = buildModel({
    opset: 17,
    inputs: [{ name: 'x', type, shape }],
    outputs: [{ name: 'y', type, shape }],
    nodes: [{ op, inputs: ['x'], outputs: ['y'] }],
  });
  const [x, y] = [value('x', type, shape, true), value('y', type, shape, false)];
  return segment(`${op}-${type}`, { bytes, inputs: [x], outputs: [y], weights: [] });
}

/** Convolutions enough that one run takes some milliseconds. */
const heavy: Probe = {
  id: 'heavy',
  nodes: [0, 1, 2, 3].map(
    (index): NodeSpec => ({
      op: 'Conv',
      inputs: [index === 0 ? 'x' : `h${index - 1}`, `w${index}`],
      outputs: [`h${index}`],
      attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    }),
  ),
  weights: [0, 1, 2, 3].map((index) => ({ name: `w${index}`, shape: [48, 48, 3, 3] })),
  input: { name: 'x', shape: [1, 48, 56, 56] },
  outputs: [{ name: 'h3', shape: [1, 48, 56, 56] }],
};

const floats = (values: readonly number[]): Tensor =>
  makeTensor('x', 'float32', [values.length], Float32Array.from(values));
const numbers = (tensor: Tensor | undefined): number[] => {
  if (tensor?.type !== 'float32') throw new TypeError('expected float32');
  return [...typedView({ ...tensor, type: 'float32' })];
};

let backend: Backend;
beforeAll(async () => {
  backend = await createNodeBackend({ workers: 2 });
});
afterAll(() => backend.dispose());

describe('createNodeBackend()', () => {
  it('says what it is; two of a kind are of one numeric class', async () => {
    const twin = await createNodeBackend();
    expect(backend).toMatchObject({ name: 'cpu', concurrency: 2, slowdown: 1 });
    expect(backend.numericClass).toMatch(/^[0-9a-f]{64}$/);
    expect(twin.numericClass).toBe(backend.numericClass);
    await twin.dispose();
  });

  it('refuses counts and factors that make no sense', async () => {
    await expect(createNodeBackend({ workers: 0 })).rejects.toThrow('workers is 0');
    await expect(createNodeBackend({ intraOpThreads: 1.5 })).rejects.toThrow('intraOpThreads is 1.5');
    await expect(createNodeBackend({ slowdown: 0.5 })).rejects.toThrow('slowdown is 0.5');
  });

  it('lets the process end, disposed or not', async () => {
    const use = (end: string) => `
      import { createNodeBackend } from '@d3/runtime/node';
      const backend = await createNodeBackend({ workers: 2 });
      console.log(backend.numericClass);
      ${end}`;
    const run = (script: string) =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
        cwd: import.meta.dirname,
        timeout: 20_000,
      });
    const [left, disposed] = await Promise.all([run(use('')), run(use('await backend.dispose();'))]);
    expect(left.stdout.trim()).toBe(backend.numericClass);
    expect(disposed.stdout.trim()).toBe(backend.numericClass);
  });
});

describe('prepare()', () => {
  it('names the segment and the reason when the model cannot be loaded', async () => {
    const unknown = segment('odd/1', {
      ...unary('Relu', 'float32', [2]).model,
      bytes: unary('Frobnicate', 'float32', [2]).model.bytes,
    });
    await expect(backend.prepare(unknown)).rejects.toMatchObject({
      code: 'RUNTIME_CREATE_FAILED',
      message: expect.stringMatching(/^Segment 'odd\/1' cannot be prepared on cpu: .*Frobnicate/s),
    });
    const { model } = unary('Relu', 'float32', [2]);
    const truncated = segment('cut', { ...model, bytes: model.bytes.slice(0, 20) });
    await expect(backend.prepare(truncated)).rejects.toMatchObject({ code: 'RUNTIME_CREATE_FAILED' });
  });

  it('takes a signal', async () => {
    const reason = new Error('changed my mind');
    const aborted = backend.prepare(unary('Relu', 'float32', [2]), { signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
  });
});

describe('run()', () => {
  it.each<ElementType>(['float32', 'float16', 'int8', 'uint8', 'int32', 'int64', 'bool'])(
    'carries %s unchanged',
    async (type) => {
      const session = await backend.prepare(unary('Identity', type, [2, 3]));
      const bytes = Uint8Array.from({ length: byteLength(type, [2, 3]) }, (_, k) => (type === 'bool' ? k % 2 : k + 1));
      // At an odd offset: what a socket hands out.
      const odd = new Uint8Array(bytes.length + 1).subarray(1);
      odd.set(bytes);
      const { outputs } = await session.run({ x: { type, shape: [2, 3], bytes: odd } });
      expect(outputs.y).toEqual({ type, shape: [2, 3], bytes });
      await session.dispose();
    },
  );

  it('gives each of many concurrent calls its own answer and leaves the inputs alone', async () => {
    const session = await backend.prepare(unary('Relu', 'float32', [3]));
    const inputs = Array.from({ length: 20 }, (_, k) => floats([k, -1 - k, k + 0.5]));
    const runs = await Promise.all(inputs.map((x) => session.run({ x })));
    expect(runs.map(({ outputs }) => numbers(outputs.y))).toEqual(inputs.map((_, k) => [k, 0, k + 0.5]));
    expect(inputs.map(numbers)).toEqual(inputs.map((_, k) => [k, -1 - k, k + 0.5]));
    expect(new Set(runs.map(({ outputs }) => outputs.y?.bytes.buffer)).size).toBe(20);
    await session.dispose();
  });

  it('never blocks the calling thread, and uses its workers', async () => {
    const session = await backend.prepare(probeSegment(heavy));
    const x = probeInput(heavy);
    const { computeMs } = await session.run(x);
    let widestGapMs = 0;
    let lastMs = performance.now();
    const timer = setInterval(() => {
      widestGapMs = Math.max(widestGapMs, performance.now() - lastMs);
      lastMs = performance.now();
    }, 1);
    const runs = await Promise.all(Array.from({ length: 12 }, () => session.run(x)));
    clearInterval(timer);
    expect(computeMs).toBeGreaterThan(0);
    expect(widestGapMs).toBeLessThan(50);
    expect(runs.at(-1)?.queueMs).toBeGreaterThan(runs[0]?.queueMs ?? Number.POSITIVE_INFINITY);
    expect(new Set(runs.map(({ outputs }) => Buffer.from(outputs.h3?.bytes ?? []).toString('base64'))).size).toBe(1);
    await session.dispose();
  });

  it('rejects alone when it fails', async () => {
    const session = await backend.prepare(unary('Relu', 'float32', [2]));
    const results = await Promise.allSettled([
      session.run({ x: floats([1, -1]) }),
      session.run({ z: floats([1, -1]) }),
      session.run({ x: floats([1, -1, 2]) }),
      session.run({ x: floats([2, -2]) }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({
      reason: { code: 'RUNTIME_RUN_FAILED', message: expect.stringContaining("Segment 'Relu-float32' failed on cpu") },
    });
    await session.dispose();
  });

  it('drops a queued run with the signal’s reason and no other', async () => {
    const session = await backend.prepare(probeSegment(heavy));
    const x = probeInput(heavy);
    const stop = new AbortController();
    const others = Promise.all(Array.from({ length: 4 }, () => session.run(x)));
    const dropped = session.run(x, { signal: stop.signal });
    const last = session.run(x);
    stop.abort(new Error('not wanted'));
    await expect(dropped).rejects.toThrow('not wanted');
    expect(await others).toHaveLength(4);
    expect((await last).outputs.h3?.shape).toEqual([1, 48, 56, 56]);
    await session.dispose();
  });

  it('takes `slowdown` times as long, in truth and in computeMs', async () => {
    const slow = await createNodeBackend({ slowdown: 6 });
    const sessions = [await backend.prepare(probeSegment(heavy)), await slow.prepare(probeSegment(heavy))] as const;
    const best = async (session: (typeof sessions)[0]) => {
      let least = Number.POSITIVE_INFINITY;
      for (let run = 0; run < 5; run++) {
        const startedMs = performance.now();
        const { computeMs } = await session.run(probeInput(heavy));
        expect(performance.now() - startedMs).toBeGreaterThanOrEqual(computeMs);
        least = Math.min(least, computeMs);
      }
      return least;
    };
    const ratio = (await best(sessions[1])) / (await best(sessions[0]));
    // Other work on the machine moves either side; a wait that is missing or doubled would be outside all the same.
    expect(ratio).toBeGreaterThan(3);
    expect(ratio).toBeLessThan(11);
    await slow.dispose();
  });
});

describe('dispose()', () => {
  it('of a session rejects what is pending and leaves others alone', async () => {
    const [one, other] = await Promise.all([
      backend.prepare(probeSegment(heavy)),
      backend.prepare(probeSegment(heavy)),
    ]);
    const pending = Promise.allSettled([0, 1, 2, 3].map(() => one.run(probeInput(heavy))));
    const kept = other.run(probeInput(heavy));
    await one.dispose();
    for (const result of await pending) expect(result).toMatchObject({ reason: { code: 'RUNTIME_DISPOSED' } });
    await expect(one.run(probeInput(heavy))).rejects.toMatchObject({ code: 'RUNTIME_DISPOSED' });
    expect((await kept).computeMs).toBeGreaterThan(0);
    await one.dispose();
    await other.dispose();
  });

  it('of a backend rejects everything, then and later', async () => {
    const doomed = await createNodeBackend();
    const session = await doomed.prepare(probeSegment(heavy));
    const pending = Promise.allSettled([session.run(probeInput(heavy)), session.run(probeInput(heavy))]);
    await doomed.dispose();
    for (const result of await pending) expect(result).toMatchObject({ reason: { code: 'RUNTIME_DISPOSED' } });
    await expect(session.run(probeInput(heavy))).rejects.toMatchObject({ code: 'RUNTIME_DISPOSED' });
    await expect(doomed.prepare(unary('Relu', 'float32', [1]))).rejects.toMatchObject({ code: 'RUNTIME_DISPOSED' });
    await doomed.dispose();
  });
});
