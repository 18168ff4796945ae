import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { drawing, Fabric, tensors, tiersOf } from '../testing/fabric.ts';

let fabric: Fabric;

beforeAll(async () => {
  fabric = await Fabric.start();
});

afterEach(() => fabric.afterEach());

afterAll(() => fabric?.close());

describe('a lost edge', () => {
  it('leaves the device to finish alone, and is used again when it is back', async () => {
    const proxy = await fabric.tapped(() => undefined);
    const session = await fabric.open({ edge: `${proxy.wsUrl}/d3/link`, constraints: { keepOnDevice: 2 } });
    const lost = vi.fn();
    session.on('lost', lost);
    await session.infer(tensors(1));
    proxy.cut();
    const result = await session.infer(tensors(2));
    expect(result.outputs).toEqual(await fabric.runWhole({ image: drawing(2) }));
    expect(tiersOf(result)).toEqual(['device']);
    expect(lost).toHaveBeenCalledWith(expect.objectContaining({ what: 'edge' }));
    proxy.restore();
    await vi.waitFor(() => expect(session.report.problem.constraints.unavailable ?? []).toEqual([]), { timeout: 8000 });
    expect((await session.infer(tensors(3))).outputs).toEqual(await fabric.runWhole({ image: drawing(3) }));
  });

  it('that the plan cannot do without gives a typed error until it is back', async () => {
    const proxy = await fabric.tapped(() => undefined);
    const session = await fabric.open({ edge: `${proxy.wsUrl}/d3/link`, constraints: fabric.over('device', 'edge') });
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
    const own = await fabric.serveEdge();
    // Once alone, so that the device has every weight: a server that goes away may not serve them to the end.
    const session = await fabric.open({ edge: own.link, constraints: { keepOnDevice: 25 }, fallback: 'device' });
    expect(tiersOf(await session.infer(tensors(0)))).toEqual(['device']);
    await session.replan({ constraints: { keepOnDevice: 2 } });
    const lost = vi.fn();
    session.on('lost', lost);
    const runs = Array.from({ length: 4 }, (_, seed) => session.infer(tensors(seed)));
    const drained = own.close('maintenance');
    for (const [seed, { outputs }] of (await Promise.all(runs)).entries()) {
      expect(outputs).toEqual(await fabric.runWhole({ image: drawing(seed) }));
    }
    await drained;
    expect(tiersOf(await session.infer(tensors(5)))).toEqual(['device']);
    expect(lost).toHaveBeenCalled();
  });
});
