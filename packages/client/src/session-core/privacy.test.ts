import type { Manifest } from '@d3/onnx';
import { planViolation, segmentsOf } from '@d3/partition';
import type { TierProfile } from '@d3/profile';
import { Random } from '@d3/testkit';
import { describe, expect, it, vi } from 'vitest';
import { startWithoutDevice } from './cold-start.ts';
import { KnownTiers } from './known-tiers.ts';
import type { LivePlan } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';
import { planSession, problemFor, reportOn } from './plan-session.ts';
import { ProgressBar } from './progress-bar.ts';

const random = new Random(7);

/** A chain with skips, whose tensors shrink: splitting tempts. */
function randomModel(layers: number): LoadedModel {
  const manifest = {
    totalWeightBytes: 1000,
    layers: Array.from({ length: layers }, (_, k) => ({
      name: `l${k}`,
      kind: 'Conv',
      flops: random.between(1e5, 1e7),
      weightBytes: 10,
      inputs: [
        k === 0 ? 'x' : `t${k - 1}`,
        ...(k >= 2 && random.integer(0, 3) === 0 ? [`t${k - 2}`] : []),
        ...(k > 0 && random.integer(0, 5) === 0 ? ['x'] : []),
      ],
      outputs: [`t${k}`],
    })),
    tensors: [
      { name: 'x', bytes: 50_000, isInput: true, isOutput: false },
      ...Array.from({ length: layers }, (_, k) => ({
        name: `t${k}`,
        bytes: Math.round(random.between(10, 100_000)),
        isInput: false,
        isOutput: k === layers - 1,
      })),
    ],
  } as unknown as Manifest;
  return { manifest, sidecar: undefined } as unknown as LoadedModel;
}

const UNKNOWN = { memoryBytes: 1e9, stalledMs: 0, codedBytes: new Map<string, number>() };
const tier = (name: string): TierProfile => ({
  ...{ tier: name, backend: 'cpu', fixedMs: random.between(0, 3), concurrency: 1, slowdown: 1 },
  gflops: random.between(0.1, 100),
});
const link = () => ({
  upBytesPerMs: random.between(10, 100_000),
  downBytesPerMs: random.between(10, 100_000),
  delayMs: random.between(0, 50),
});

describe('keepOnDevice', () => {
  it('holds in every plan, whatever tiers come and go and in whatever order', () => {
    for (let round = 0; round < 60; round += 1) {
      const model = randomModel(random.integer(4, 12));
      const keepOnDevice = random.integer(1, 4);
      const goal = {
        objective: random.integer(0, 1) === 0 ? 'latency' : 'throughput',
        constraints: { keepOnDevice },
      } as const;
      const tiers = new KnownTiers();
      const device = tier('device');
      for (let step = 0; step < 8; step += 1) {
        changeTiers(tiers);
        const { away, profiles, links } = tiers;
        const fits = links.map((each) => () => each);
        const situation = { ...UNKNOWN, profiles: [device, ...profiles], links, fits, away };
        const { report, tierOf } = planSession(model, situation, goal);
        expect(planViolation(problemFor(model, situation, { goal, fittedTo: tierOf }), tierOf)).toBeNull();
        expect(tierOf.slice(0, keepOnDevice).every((at) => at === 0)).toBe(true);
        const { boundaries } = segmentsOf(model.manifest, tierOf, report.problem.tiers.length);
        expect(boundaries.flat()).not.toContain('x');
      }
    }
  });

  it('holds where a plan was decided on before: one that breaks it is not taken', () => {
    for (let round = 0; round < 60; round += 1) {
      const model = randomModel(random.integer(4, 12));
      const constraints = { keepOnDevice: random.integer(1, 4) };
      const situation = everywhere();
      const free = { objective: 'latency', constraints: {} } as const;
      const { tierOf: decided } = planSession(model, situation, free);
      const plan = reportOn(model, situation, { goal: { objective: 'latency', constraints }, decided });
      const kept = decided.slice(0, constraints.keepOnDevice).every((at) => at === 0);
      expect(plan?.tierOf).toEqual(kept ? decided : undefined);
    }
  });

  it('is waited for in a cold start, and leaves no plan without the device', async () => {
    const model = randomModel(6);
    const situation = everywhere();
    const goal = { objective: 'latency', constraints: { keepOnDevice: 1 } } as const;
    const switchTo = vi.fn();
    const plan = { model, goal, situation, switchTo } as unknown as LivePlan;
    const cache = { has: async () => false, get: async () => undefined, put: async () => undefined };
    const bar = new ProgressBar(() => undefined);
    const options = { device: 'device', cache: { ...cache, delete: async () => undefined }, bar, signal: undefined };
    expect(await startWithoutDevice(plan, options)).toBe(false);
    expect(switchTo).not.toHaveBeenCalled();
    expect(() => planSession(model, { ...situation, away: ['device'] }, goal)).toThrow(
      expect.objectContaining({ code: 'CLIENT_PLAN_INFEASIBLE' }),
    );
  });

  function everywhere() {
    const links = [link(), link()];
    const profiles = [tier('device'), tier('edge'), tier('cloud')];
    return { ...UNKNOWN, profiles, links, fits: links.map((each) => () => each), away: [] };
  }

  /** Some loss, return, or change, as an edge tells it or its link's end shows it. */
  function changeTiers(tiers: KnownTiers): void {
    const what = random.integer(0, 3);
    if (what === 0) tiers.lose();
    else if (what === 1) tiers.learn({ profiles: [tier('edge')], links: [link()] });
    else if (what === 2) tiers.learn({ profiles: [tier('cloud')], links: [link()] });
    else tiers.learn({ profiles: [tier('edge'), tier('cloud')], links: [link(), link()] });
  }
});
