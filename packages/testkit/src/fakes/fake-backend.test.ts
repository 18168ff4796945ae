import type { Backend, SegmentSpec } from '@d3/runtime';
import { makeTensor, type Tensor } from '@d3/tensor';
import { describe, expect, it } from 'vitest';
import { FakeBackend, FakeClock } from '../index.ts';

const value = (name: string, isInput: boolean) =>
  ({ name, type: 'float32', shape: [4], bytes: 16, isInput, isOutput: !isInput }) as const;
const spec: SegmentSpec = {
  id: 'model/0-3',
  level: 'extended',
  weights: { kind: 'folder', path: '/nowhere' },
  model: { bytes: new Uint8Array(), inputs: [value('x', true)], outputs: [value('y', false)], weights: [] },
};
const x = (first: number): { x: Tensor } => ({ x: makeTensor('x', 'float32', [4], Float32Array.of(first, 0, 0, 0)) });

describe('FakeBackend', () => {
  it('keeps the runtime’s contract as a type', () => {
    const backend: Backend = new FakeBackend({ name: 'wasm' });
    expect([backend.name, backend.concurrency, backend.slowdown]).toEqual(['wasm', 1, 1]);
  });

  it('gives outputs that depend on the inputs and on nothing else', async () => {
    const session = await new FakeBackend().prepare(spec);
    const [a, again, b] = await Promise.all([session.run(x(1)), session.run(x(1)), session.run(x(2))]);
    expect(a.outputs).toEqual(again.outputs);
    expect(a.outputs.y).toMatchObject({ type: 'float32', shape: [4] });
    expect(b.outputs).not.toEqual(a.outputs);
  });

  it('queues runs by its concurrency', async () => {
    const clock = new FakeClock();
    const backend = new FakeBackend({ concurrency: 2, computeMs: 10, sleep: clock.sleep, now: clock.now });
    const session = await backend.prepare(spec);
    const runs = Promise.all([1, 2, 3].map((first) => session.run(x(first))));
    await clock.advance(20);
    expect((await runs).map(({ queueMs, computeMs }) => [queueMs, computeMs])).toEqual([
      [0, 10],
      [0, 10],
      [10, 10],
    ]);
  });

  it('fails a run alone, and drops one that was aborted before it began', async () => {
    const clock = new FakeClock();
    const compute = (_: unknown, inputs: Readonly<Record<string, Tensor>>) => {
      if (inputs.x?.bytes[3] === 0x40) throw new Error('bad input');
      return {};
    };
    const backend = new FakeBackend({ computeMs: 10, sleep: clock.sleep, now: clock.now, compute });
    const session = await backend.prepare(spec);
    const abort = new AbortController();
    const runs = Promise.allSettled([
      session.run(x(1)),
      session.run(x(2)),
      session.run(x(1), { signal: abort.signal }),
      session.run(x(1)),
    ]);
    abort.abort(new Error('not wanted'));
    await clock.advance(40);
    const outcomes = (await runs).map((run) => (run.status === 'rejected' ? run.reason.message : 'done'));
    expect(outcomes).toEqual(['done', 'bad input', 'not wanted', 'done']);
  });

  it('lose() fails what is pending and what comes', async () => {
    const clock = new FakeClock();
    const backend = new FakeBackend({ computeMs: 10, sleep: clock.sleep });
    const session = await backend.prepare(spec);
    const runs = Promise.allSettled([session.run(x(1)), session.run(x(2))]);
    backend.lose('device lost');
    expect(await backend.lost).toBe('device lost');
    const codes = (await runs).map((run) => run.status === 'rejected' && run.reason.code);
    expect(codes).toEqual(['RUNTIME_LOST', 'RUNTIME_LOST']);
    await expect(backend.prepare(spec)).rejects.toMatchObject({ code: 'RUNTIME_LOST' });
  });

  it('dispose() of a session ends that session only', async () => {
    const backend = new FakeBackend();
    const [first, second] = [await backend.prepare(spec), await backend.prepare(spec)];
    await first.dispose();
    await first.dispose();
    await expect(first.run(x(1))).rejects.toMatchObject({ code: 'RUNTIME_DISPOSED' });
    expect((await second.run(x(1))).outputs.y).toBeDefined();
  });
});
