import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { InferInput, StreamedFrame } from '../index.ts';
import { drawing, Fabric, tensors, tiersOf } from '../testing/fabric.ts';

let fabric: Fabric;

beforeAll(async () => {
  fabric = await Fabric.start();
});

afterEach(() => fabric.afterEach());

afterAll(() => fabric?.close());

async function collect(frames: AsyncIterable<StreamedFrame>): Promise<StreamedFrame[]> {
  const all: StreamedFrame[] = [];
  for await (const frame of frames) all.push(frame);
  return all;
}

function* frames(count: number, broken?: number): Generator<InferInput> {
  for (let seed = 0; seed < count; seed += 1) yield seed === broken ? { kind: 'tensors', tensors: {} } : tensors(seed);
}

describe('stream() over real servers', () => {
  it('gives every frame its own answer, in order, over several tiers; one that is wrong fails alone', async () => {
    const session = await fabric.open({ constraints: fabric.over('device', 'edge', 'cloud') });
    const all = await collect(session.stream(frames(20, 5)));
    expect(all.map(({ index }) => index)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    for (const { index, result, error } of all) {
      if (index === 5) expect(error).toMatchObject({ code: 'CLIENT_INPUT_MISSING' });
      else expect(result?.outputs).toEqual(await fabric.runWhole({ image: drawing(index) }));
    }
    expect(tiersOf(all[0]?.result ?? { placement: [] })).toEqual(['device', 'edge', 'cloud']);
  });

  it('plans for throughput while it runs, and for latency again afterwards', async () => {
    const session = await fabric.open({ constraints: fabric.over('device', 'edge') });
    const objectives: string[] = [];
    session.on('plan', ({ report }) => objectives.push(report.problem.objective));
    await collect(session.stream(frames(30)));
    await vi.waitFor(() => expect(objectives).toEqual(['throughput', 'latency']), { timeout: 10_000 });
    objectives.length = 0;
    await collect(session.stream(frames(3), { objective: 'keep' }));
    expect(objectives).toEqual([]);
  });

  it('takes no frame that nobody waits for', async () => {
    const session = await fabric.open({ constraints: fabric.over('device', 'edge') });
    let taken = 0;
    function* endless(): Generator<InferInput> {
      for (;;) {
        taken += 1;
        yield tensors(taken);
      }
    }
    for await (const { index } of session.stream(endless(), { maxInFlight: 3 })) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(taken).toBeLessThanOrEqual(index + 1 + 3);
      if (index === 10) break;
    }
    const atEnd = taken;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(taken).toBe(atEnd);
  });

  it('ends with the session, and refuses options that are none', async () => {
    const session = await fabric.open({ constraints: fabric.over('device', 'edge') });
    expect(() => session.stream(frames(1), { maxInFlight: 0 })).toThrow(
      expect.objectContaining({ code: 'CLIENT_OPTION_INVALID' }),
    );
    const running = collect(session.stream(frames(10_000)));
    running.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await session.close();
    await expect(running).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
  });
});
