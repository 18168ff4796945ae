import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Constraints } from '@d3/partition';
import type { TensorMap } from '@d3/tensor';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ConnectOptions, InferInput } from '../index.ts';
import { connect } from '../index.ts';
import { drawing, Fabric, tensors } from '../testing/fabric.ts';

let fabric: Fabric;

beforeAll(async () => {
  fabric = await Fabric.start();
});

afterEach(() => fabric.afterEach());

afterAll(() => fabric?.close());

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
    await expect(fabric.open(options as Partial<ConnectOptions>)).rejects.toMatchObject({
      code: expect.stringContaining(code),
      message: expect.stringContaining(text),
    });
  });

  it('a model whose files do not belong together', async () => {
    const folder = join(fabric.root, 'tampered');
    await cp(join(fabric.root, 'cloud-models', 'sketch-resnet'), folder, { recursive: true });
    const model = pathToFileURL(folder).href;
    const [blob] = fabric.packed.weights.keys();
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
    const [first, last] = [
      fabric.packed.manifest.layers[0]?.name ?? '',
      fabric.packed.manifest.layers.at(-1)?.name ?? '',
    ];
    const constraints = { pin: { [first]: 'cloud', [last]: 'device' } };
    await expect(fabric.open({ constraints })).rejects.toMatchObject({ code: 'CLIENT_PLAN_INFEASIBLE' });
  });

  it('to go on when aborted, with the signal’s reason', async () => {
    const cancel = new AbortController();
    const opening = fabric.open({ signal: cancel.signal, onProgress: () => cancel.abort(new Error('enough')) });
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
    const session = await fabric.open();
    const run = session.infer({ kind: 'tensors', tensors: bad as unknown as TensorMap });
    await expect(run).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
    expect((await session.infer(tensors(1))).outputs).toHaveProperty('logits');
  });

  it.each([
    { kind: 'picture', picture: { width: 2, height: 2 } },
    { kind: 'picture' },
    { kind: 'strokes', strokes: [[0, 0]] },
  ])('%o, which is neither picture nor drawing', async (input) => {
    const session = await fabric.open();
    await expect(session.infer(input as unknown as InferInput)).rejects.toMatchObject({ code: 'CLIENT_INPUT_KIND' });
  });

  it('a deadline that is none, and a goal that is none, and keeps its plan', async () => {
    const session = await fabric.open({ constraints: { keepOnDevice: 2 } });
    for (const deadlineMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      await expect(session.infer(tensors(1), { deadlineMs })).rejects.toMatchObject({ code: 'CLIENT_OPTION_INVALID' });
    }
    const misspelt = { keeponDevice: 3 } as Constraints;
    await expect(session.replan({ constraints: misspelt })).rejects.toMatchObject({ code: 'CLIENT_OPTION_INVALID' });
    expect(session.report.problem.constraints.keepOnDevice).toBe(2);
  });

  it('to take longer than its deadline', async () => {
    const session = await fabric.open({ slowdown: 1000, constraints: fabric.over('device', 'edge') });
    const run = session.infer(tensors(1), { deadlineMs: 30 });
    await expect(run).rejects.toMatchObject({ code: 'CLIENT_DEADLINE_EXCEEDED' });
  });

  it('to go on after close(), pending requests included', async () => {
    const session = await fabric.open({ slowdown: 100, constraints: fabric.over('device', 'edge') });
    const pending = expect(session.infer(tensors(1))).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
    const closed = vi.fn();
    session.on('closed', closed);
    await session.close();
    await pending;
    await expect(session.infer(tensors(1))).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
    expect(closed).toHaveBeenCalledTimes(1);
  });
});
