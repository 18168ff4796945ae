import { describe, expect, it } from 'vitest';
import { predictSegmentMs, slowProfile, TierCorrection, type TierProfile } from '../index.ts';
import { MACHINE, randomLayer, randomSegment, uniform } from '../testing/synthetic-tier.ts';

const DENSE = ((next) => {
  for (;;) {
    const layer = randomLayer(next);
    if (layer.kind === 'Conv/dense') return [layer];
  }
})(uniform(5));

/** The machine with its convolutions and products off by factors: what a calibration gets wrong. */
function misjudged(conv: number, gemm: number): TierProfile {
  const terms = { ...MACHINE.terms, ...slowKinds(conv, ['Conv/dense']), ...slowKinds(gemm, ['Gemm']) };
  return { ...MACHINE, terms };
}

function slowKinds(factor: number, kinds: readonly string[]) {
  const slowed = Object.entries(slowProfile(MACHINE, factor).terms ?? {});
  return Object.fromEntries(slowed.filter(([kind]) => kinds.includes(kind)));
}

/** Runs `count` random segments on a machine whose times are `ms` of what MACHINE takes. */
function run(correction: TierCorrection, count: number, ms: (idealMs: number, at: number) => number): void {
  const next = uniform(6);
  for (let at = 0; at < count; at++) {
    const layers = randomSegment(next);
    correction.observe({ layers, measuredMs: ms(predictSegmentMs(MACHINE, layers), at), queueMs: 0 });
  }
}

/** Median relative error on segments that were not observed. */
function errorOf(profile: TierProfile, load = 1): number {
  const next = uniform(7);
  const errors = Array.from({ length: 200 }, () => {
    const layers = randomSegment(next);
    return Math.abs(predictSegmentMs(profile, layers) / (load * predictSegmentMs(MACHINE, layers)) - 1);
  });
  return errors.sort((a, b) => a - b)[100] ?? Number.NaN;
}

describe('TierCorrection', () => {
  it('leaves a profile alone that is right', () => {
    const correction = new TierCorrection(MACHINE);
    expect(correction.load).toEqual({ scale: 1, queueMs: 0 });
    run(correction, 20, (ms) => ms);
    expect(correction.load.scale).toBeCloseTo(1, 6);
    expect(errorOf(correction.profile)).toBeLessThan(1e-6);
  });

  it('follows a load within three segments, and its end as well', () => {
    const correction = new TierCorrection(MACHINE);
    run(correction, 20, (ms) => ms);
    run(correction, 3, (ms) => 2 * ms);
    expect(correction.load.scale).toBeGreaterThan(1.9);
    run(correction, 3, (ms) => ms);
    expect(correction.load.scale).toBeLessThan(1.1);
  });

  it('stays sound over a long life of few segments, then of others', () => {
    const correction = new TierCorrection(misjudged(1.5, 0.7));
    const [layer] = DENSE;
    const layers = layer === undefined ? [] : [layer];
    for (let at = 0; at < 20_000; at++) {
      correction.observe({
        layers,
        measuredMs: predictSegmentMs(MACHINE, layers) * (at % 2 === 0 ? 0.8 : 1.2),
        queueMs: 0,
      });
    }
    run(correction, 60, (ms) => ms);
    expect(errorOf(correction.profile)).toBeLessThan(0.1);
  });

  it('does not follow an outlier, however far off', () => {
    const correction = new TierCorrection(MACHINE);
    run(correction, 20, (ms, at) => (at % 5 === 4 ? 50 * ms : ms));
    expect(correction.load.scale).toBeLessThan(1.1);
    expect(errorOf(correction.profile)).toBeLessThan(0.1);
  });

  it('learns kinds, so that segments that never ran are predicted better after ten', () => {
    const idle = misjudged(1.3, 0.75);
    const before = errorOf(idle);
    expect(before).toBeGreaterThan(0.15);
    const correction = new TierCorrection(idle);
    const noise = uniform(8);
    run(correction, 10, (ms) => ms * (0.97 + 0.06 * noise()));
    expect(errorOf(correction.profile)).toBeLessThan(0.07);
  });

  it('keeps what it learnt of kinds under a load', () => {
    const correction = new TierCorrection(misjudged(1.3, 0.75));
    run(correction, 30, (ms) => ms);
    run(correction, 10, (ms) => 3 * ms);
    expect(errorOf(correction.profile, 3)).toBeLessThan(0.05);
  });

  it('expects the wait that there was lately', () => {
    const correction = new TierCorrection(MACHINE);
    for (let count = 0; count < 10; count++) correction.observe({ layers: DENSE, measuredMs: 1, queueMs: 20 });
    expect(correction.load.queueMs).toBeGreaterThan(18);
    for (let count = 0; count < 10; count++) correction.observe({ layers: DENSE, measuredMs: 1, queueMs: 0 });
    expect(correction.load.queueMs).toBeLessThan(2);
  });

  it('ignores what is no observation, and stays finite whatever comes', () => {
    const correction = new TierCorrection(MACHINE);
    for (const measuredMs of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0]) {
      correction.observe({ layers: DENSE, measuredMs, queueMs: Number.NaN });
    }
    correction.observe({ layers: [], measuredMs: 5, queueMs: 0 });
    expect(correction.load).toEqual({ scale: 1, queueMs: 0 });
    for (let count = 0; count < 100; count++) correction.observe({ layers: DENSE, measuredMs: 1e9, queueMs: 0 });
    const values = Object.values(correction.profile.terms ?? {}).flatMap((terms) => Object.values(terms));
    expect(values.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
  });

  it('scales a profile without terms', () => {
    const { terms: _, ...bare } = MACHINE;
    const correction = new TierCorrection(bare);
    for (let count = 0; count < 5; count++) {
      correction.observe({ layers: DENSE, measuredMs: 2 * predictSegmentMs(bare, DENSE), queueMs: 0 });
    }
    expect(correction.load.scale).toBeCloseTo(2, 1);
    expect(correction.profile.terms).toBeUndefined();
  });
});
