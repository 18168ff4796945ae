import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { InferResult } from '../index.ts';
import { drawing, Fabric, tensors } from '../testing/fabric.ts';

/** Layers that stay on the device: enough for the input to be out of reach of whatever is sent. */
const KEPT = 2;

let fabric: Fabric;

beforeAll(async () => {
  fabric = await Fabric.start();
});

afterEach(() => fabric.afterEach());

afterAll(() => fabric?.close());

describe('keepOnDevice', () => {
  it('holds from a cold start on, in streams, on the way past a lost edge, and when the edge is back', async () => {
    const proxy = await fabric.tapped();
    const cache = join(fabric.root, 'private');
    const options = { slowdown: 100, standby: true, ready: 'any', cache, constraints: { keepOnDevice: KEPT } } as const;
    const session = await fabric.open({ edge: `${proxy.wsUrl}/d3/link`, ...options });
    const infer = () => session.infer(tensors(1), { inspect: true });
    await expectPrivate(await infer());
    const frames = Array.from({ length: 4 }, () => tensors(1));
    for await (const { result, error } of session.stream(frames, { inspect: true })) {
      if (result === undefined) throw error;
      await expectPrivate(result);
    }
    expect(session.report.problem.constraints.keepOnDevice).toBe(KEPT);
    proxy.cut();
    await expectPrivate(await infer());
    proxy.restore();
    const back = async () => {
      const result = await infer();
      await expectPrivate(result);
      expect(result.hops[0]?.hop).toBe('device-edge');
    };
    await vi.waitFor(back, { timeout: 15_000, interval: 200 });
  });

  async function expectPrivate(result: InferResult): Promise<void> {
    const [device] = result.placement;
    expect(device?.tier).toBe('device');
    expect(device?.layers).toEqual(expect.arrayContaining(Array.from({ length: KEPT }, (_, layer) => layer)));
    expect(Object.keys(result.crossed ?? {})).not.toContain('image');
    expect(result.outputs).toEqual(await fabric.runWhole({ image: drawing(1) }));
  }
});
