import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SessionEvents } from '../session.ts';
import { AdaptationLoop } from './adaptation-loop.ts';
import { EventHub } from './event-hub.ts';
import type { LivePlan, Switch } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';
import { planSession, type Situation } from './plan-session.ts';

const TENSORS = [
  { name: 'x', bytes: 100_000, isInput: true, isOutput: false },
  { name: 'h', bytes: 400_000, isInput: false, isOutput: false },
  { name: 'y', bytes: 40, isInput: false, isOutput: true },
];
/** 200 ms on a device of 0.1 Gflop/s, 20 ms at the edge. */
const LAYERS = [
  { name: 'a', kind: 'Conv', flops: 1e7, weightBytes: 10, inputs: ['x'], outputs: ['h'] },
  { name: 'b', kind: 'Conv', flops: 1e7, weightBytes: 10, inputs: ['h'], outputs: ['y'] },
];
const model = {
  manifest: { layers: LAYERS, tensors: TENSORS, totalWeightBytes: 20 },
  sidecar: undefined,
  store: { holds: () => true },
} as unknown as LoadedModel;
const goal = { objective: 'latency', constraints: {} } as const;
const profile = (tier: string, gflops: number) =>
  ({ tier, backend: 'cpu', gflops, fixedMs: 0, concurrency: 1, slowdown: 1 }) as const;

function situationAt(upBytesPerMs: number): Situation {
  const link = { upBytesPerMs, downBytesPerMs: 10_000, delayMs: 0 };
  return {
    ...{ profiles: [profile('device', 0.1), profile('edge', 1)], links: [link], fits: [() => link] },
    ...{ away: [], codedBytes: new Map(), memoryBytes: 1e9, stalledMs: 0 },
  };
}

/** A loop on a plan made for a link of 16 Mbit/s; the plan takes part in nothing else. */
function loopOn(changes: Partial<LivePlan> = {}) {
  const hub = new EventHub();
  const ending = new AbortController();
  const looks = vi.fn();
  let situation = situationAt(2000);
  const parts = planSession(model, situation, goal);
  const switchTo = vi.fn((_how: Switch): Promise<unknown> => new Promise(() => undefined));
  const plan = {
    ...{ model, goal, ready: true, switching: false, failing: false, epoch: { parts }, switchTo },
    get situation() {
      looks();
      return situation;
    },
    ...changes,
  } as unknown as LivePlan;
  const considered: SessionEvents['considered'][] = [];
  hub.on('considered', (event) => considered.push(event));
  const loop = new AdaptationLoop({ plan, hub, ending: ending.signal });
  const goLive = () => hub.emit('plan', { epoch: 1, report: parts.report, reason: 'connected' });
  goLive();
  const learn = (upBytesPerMs: number) => {
    situation = situationAt(upBytesPerMs);
    loop.changed();
  };
  return { loop, ending, looks, learn, goLive, switchTo, considered, current: parts.tierOf };
}

describe('AdaptationLoop', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('says once why it stays, and then has the session switch to what it decided on, with its reason', async () => {
    const { learn, switchTo, considered, current } = loopOn();
    await vi.advanceTimersByTimeAsync(6000);
    expect(current).toEqual([1, 1]);
    learn(250);
    await vi.advanceTimersByTimeAsync(100);
    expect(switchTo).not.toHaveBeenCalled();
    learn(250);
    await vi.advanceTimersByTimeAsync(100);
    expect(considered.map(({ obstacle, tierOf }) => [obstacle, tierOf])).toEqual([['confirmation', [0, 0]]]);
    expect(switchTo).toHaveBeenCalledTimes(1);
    expect(switchTo.mock.calls[0]?.[0]).toMatchObject({
      reason: 'the device-edge link up fell from 16 Mbit/s to 2 Mbit/s',
      decided: [0, 0],
      effect: { predictedGainMs: expect.closeTo(220, 0), bytes: 0 },
      background: true,
    });
  });

  it('says the same again only after another plan went live', async () => {
    const { learn, goLive, considered } = loopOn();
    for (const said of [['gain'], ['gain', 'gain']]) {
      for (let look = 0; look < 4; look += 1) {
        // Too little to gain: 6 %.
        learn(520);
        await vi.advanceTimersByTimeAsync(200);
      }
      expect(considered.map(({ obstacle }) => obstacle)).toEqual(said);
      goLive();
    }
  });

  it('tells of a switch that failed', async () => {
    const { learn, switchTo, considered } = loopOn();
    switchTo.mockRejectedValue(new Error('the edge is full'));
    await vi.advanceTimersByTimeAsync(6000);
    for (let look = 0; look < 2; look += 1) {
      learn(250);
      await vi.advanceTimersByTimeAsync(100);
    }
    const failed = { obstacle: 'failure', reason: 'the switch failed: the edge is full', tierOf: [0, 0] };
    expect(considered.at(-1)).toMatchObject(failed);
  });

  it('looks again and again while requests run, even if nothing is told, and once after the last', async () => {
    const { loop, looks } = loopOn();
    const end = loop.begin();
    await vi.advanceTimersByTimeAsync(1010);
    expect(looks).toHaveBeenCalledTimes(4);
    end();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).toHaveBeenCalledTimes(5);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('looks no more often than every 100 ms, however often something changes', async () => {
    const { loop, looks } = loopOn();
    for (let ms = 0; ms < 1000; ms += 10) {
      loop.changed();
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(looks.mock.calls.length).toBeGreaterThanOrEqual(9);
    expect(looks.mock.calls.length).toBeLessThanOrEqual(11);
  });

  it('leaves a plan alone that is being left already, or that failed', async () => {
    for (const state of [{ ready: false }, { switching: true }, { failing: true }]) {
      const { learn, looks, switchTo } = loopOn(state);
      learn(250);
      await vi.advanceTimersByTimeAsync(1000);
      expect([looks.mock.calls.length, switchTo.mock.calls.length]).toEqual([0, 0]);
    }
  });

  it('has no timer once the session has ended', async () => {
    const { loop, ending, looks } = loopOn();
    loop.begin();
    loop.changed();
    ending.abort();
    loop.changed();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).not.toHaveBeenCalled();
  });
});
