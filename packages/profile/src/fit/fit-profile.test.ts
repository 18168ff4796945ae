import { describe, expect, it } from 'vitest';
import { fitProfile, predictSegmentMs, type SegmentSample, type TierProfile } from '../index.ts';
import { MACHINE, randomSegment, uniform } from '../testing/synthetic-tier.ts';

function samplesOf(count: number, noise: (next: () => number) => number): SegmentSample[] {
  const next = uniform(1);
  return Array.from({ length: count }, () => {
    const layers = randomSegment(next);
    return { layers, ms: predictSegmentMs(MACHINE, layers) * noise(next) };
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
    expect(errorOf(samplesOf(60, () => 1))).toBeLessThan(1e-3);
  });

  it('is near it with times 5 % off, and with one in eight times three times too long', () => {
    expect(errorOf(samplesOf(60, (next) => 0.95 + 0.1 * next()))).toBeLessThan(0.03);
    expect(errorOf(samplesOf(60, (next) => (next() < 0.125 ? 3 : 0.98 + 0.04 * next())))).toBeLessThan(0.05);
  });

  it('has no negative term, whatever the times are', () => {
    const next = uniform(3);
    const samples = Array.from({ length: 40 }, () => ({ layers: randomSegment(next), ms: 0.01 + 100 * next() }));
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
    const samples = [1e5, 1e6, 1e7].map((bytes) => ({ layers: [relu(bytes)], ms: bytes * 2e-7 }));
    const profile = { ...MACHINE, ...fitProfile(samples) };
    expect(predictSegmentMs(profile, [{ ...relu(3e6), kind: 'Transpose' }])).toBeCloseTo(0.6, 2);
  });

  it('refuses samples that say nothing', () => {
    expect(() => fitProfile([])).toThrow('there are none');
    expect(() => fitProfile([{ layers: randomSegment(uniform(4)), ms: 0 }])).toThrow('sample 0 took 0 ms');
  });
});
