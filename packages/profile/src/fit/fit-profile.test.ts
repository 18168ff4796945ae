import { describe, expect, it } from 'vitest';
import { BOUNDARY, fitProfile, predictSegmentMs, type SegmentSample, type TierProfile } from '../index.ts';
import { MACHINE, randomSegment, uniform } from '../testing/synthetic-tier.ts';

function samplesOf(count: number, noise: (next: () => number) => number): SegmentSample[] {
  const next = uniform(1);
  return Array.from({ length: count }, () => {
    const layers = randomSegment(next);
    return { layers, computeMs: predictSegmentMs(MACHINE, layers) * noise(next), handoffMs: 0 };
  });
}

/** Median relative error on segments that were not fitted to. */
function errorOf(samples: readonly SegmentSample[]): number {
  const profile: TierProfile = { ...MACHINE, ...fitProfile(samples) };
  const next = uniform(2);
  const errors = Array.from({ length: 200 }, () => {
    const layers = randomSegment(next);
    return Math.abs(predictSegmentMs(profile, layers) / predictSegmentMs(MACHINE, layers) - 1);
  });
  return errors.sort((a, b) => a - b)[100] ?? Number.NaN;
}

describe('fitProfile()', () => {
  it('finds the machine behind exact times', () => {
    expect(errorOf(samplesOf(60, () => 1))).toBeLessThan(0.01);
  });

  it('is near it with times 5 % off, and with one in eight times three times too long', () => {
    expect(errorOf(samplesOf(60, (next) => 0.95 + 0.1 * next()))).toBeLessThan(0.03);
    expect(errorOf(samplesOf(60, (next) => (next() < 0.125 ? 3 : 0.98 + 0.04 * next())))).toBeLessThan(0.05);
  });

  it('has no negative term, whatever the times are', () => {
    const next = uniform(3);
    const samples = Array.from({ length: 40 }, () => ({
      layers: randomSegment(next),
      computeMs: 0.01 + 100 * next(),
      handoffMs: next(),
    }));
    const { terms, fixedMs } = fitProfile(samples);
    const values = Object.values(terms).flatMap((kind) => Object.values(kind));
    expect(Math.min(fixedMs, ...values)).toBeGreaterThanOrEqual(0);
  });

  it('prices kinds that were not calibrated by those that move elements', () => {
    const relu = (bytes: number) => ({
      kind: 'Relu',
      flops: bytes / 4,
      inputBytes: bytes,
      outputBytes: bytes,
      weightBytes: 0,
    });
    const samples = [1e5, 1e6, 1e7].map((bytes) => ({ layers: [relu(bytes)], computeMs: bytes * 2e-7, handoffMs: 0 }));
    const profile = { ...MACHINE, ...fitProfile(samples) };
    expect(predictSegmentMs(profile, [{ ...relu(3e6), kind: 'Transpose' }])).toBeCloseTo(0.6, 2);
  });

  it('charges handing over by the bytes of the boundary and a fixed time', () => {
    const samples = samplesOf(60, () => 1).map(({ layers, computeMs }, at) => {
      const boundary = { kind: BOUNDARY, flops: 0, inputBytes: at * 1e5, outputBytes: 1e6, weightBytes: 0 };
      return { layers: [...layers, boundary], computeMs, handoffMs: 0.3 + at * 1e5 * 4e-7 };
    });
    const { fixedMs, terms } = fitProfile(samples);
    expect(Math.abs(fixedMs - 0.5)).toBeLessThan(0.03);
    expect(terms[BOUNDARY]?.msPerInputByte).toBeCloseTo(4e-7, 7);
    const bare = { ...MACHINE, terms: { ...MACHINE.terms, other: MACHINE.terms?.Gemm } } as TierProfile;
    const only = [{ kind: BOUNDARY, flops: 0, inputBytes: 1e6, outputBytes: 1e6, weightBytes: 0 }];
    expect(predictSegmentMs(bare, only)).toBe(MACHINE.fixedMs);
  });

  it('refuses samples that say nothing', () => {
    expect(() => fitProfile([])).toThrow('there are none');
    expect(() => fitProfile([{ layers: randomSegment(uniform(4)), computeMs: 0, handoffMs: 0 }])).toThrow(
      'sample 0 took 0 ms',
    );
  });
});
