import { describe, expect, it } from 'vitest';
import { type Probe, probeInput, probeSegment } from '../probe-segment.ts';
import { NodeSession } from './node-session.ts';
import { WorkerHandle } from './worker-handle.ts';
import { WorkerPool } from './worker-pool.ts';

const relu: Probe = {
  id: 'relu',
  nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
  weights: [],
  input: { name: 'x', shape: [4] },
  outputs: [{ name: 'y', shape: [4] }],
};

const crash = (pool: WorkerPool) =>
  pool.submit({
    owner: 9,
    work: async (worker) => {
      const answer = worker.ask('start', {});
      void worker.terminate();
      await answer;
      // It may have answered before it ended.
      await worker.ended;
      await worker.ask('start', {});
    },
  });

describe('WorkerHandle', () => {
  it('answers the next question after one that could not be sent', async () => {
    const worker = new WorkerHandle();
    const unsendable = { model: () => undefined } as never;
    await expect(worker.ask('shapes', unsendable)).rejects.toMatchObject({ name: 'WorkerFailure', gone: false });
    expect((await worker.ask('start', {})).version).toMatch(/^\d/);
    await worker.terminate();
  });
});

describe('WorkerPool', () => {
  it('replaces a worker that ended; only its job is rejected, and sessions go on', async () => {
    const pool = await WorkerPool.start(1);
    const context = { key: 1, pool, slowdown: 1, intraOpThreads: 1, onDispose: () => undefined };
    const session = new NodeSession(probeSegment(relu), context);
    await session.prepare(undefined);
    const [before, crashed, after] = await Promise.allSettled([
      session.run(probeInput(relu)),
      crash(pool),
      session.run(probeInput(relu)),
    ]);
    expect(before.status).toBe('fulfilled');
    expect(crashed).toMatchObject({ reason: { name: 'WorkerFailure', gone: true } });
    expect(after).toMatchObject({ status: 'fulfilled' });
    await pool.close(new Error('over'));
  });

  it('tries a run once more when its worker ends under it', async () => {
    const pool = await WorkerPool.start(2);
    const context = { key: 1, pool, slowdown: 1000, intraOpThreads: 1, onDispose: () => undefined };
    const session = new NodeSession(probeSegment(relu), context);
    let handle: { terminate(): Promise<void> } | undefined;
    await pool.submit({
      owner: 9,
      slot: 0,
      work: async (worker) => {
        handle = worker;
      },
    });
    const run = session.run(probeInput(relu));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await handle?.terminate();
    expect((await run).outputs.y?.shape).toEqual([4]);
    await pool.close(new Error('over'));
  });

  it('is lost when replacements keep ending', async () => {
    const pool = await WorkerPool.start(1);
    const lost = pool.lost.then(async (reason) => {
      await pool.close(new Error(`lost: ${reason}`));
      return reason;
    });
    for (let round = 0; round < 4; round++) await crash(pool).catch(() => undefined);
    expect(await lost).toMatch(/worker thread ended/);
    await expect(crash(pool)).rejects.toThrow('lost: ');
  });

  it('gives jobs to workers in the order of submission', async () => {
    const pool = await WorkerPool.start(1);
    const order: number[] = [];
    const submit = (label: number) => pool.submit({ owner: label, work: async () => void order.push(label) });
    await Promise.all([1, 2, 3, 4].map(submit));
    expect(order).toEqual([1, 2, 3, 4]);
    await pool.close(new Error('over'));
  });
});
