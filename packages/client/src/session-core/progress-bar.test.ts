import { describe, expect, it } from 'vitest';
import type { Progress } from '../session.ts';
import { ProgressBar } from './progress-bar.ts';

describe('ProgressBar', () => {
  it('never falls, counts cached bytes, and reaches 1 only when ready', () => {
    const seen: Progress[] = [];
    const bar = new ProgressBar((progress) => seen.push(progress));
    bar.enter('connect');
    bar.addCalibrated(0.9);
    bar.enter('calibrate');
    bar.addCalibrated(0.5);
    expect(seen.at(-1)?.fraction).toBeCloseTo(0.2);
    bar.enter('plan');
    bar.enter('weights');
    bar.expectBytes(100);
    bar.addBytes(40, true);
    bar.addBytes(60, false);
    bar.addBytes(-60, false);
    bar.addBytes(60, false);
    bar.enter('warm-up');
    expect(seen.every((progress) => progress.fraction < 1)).toBe(true);
    bar.enter('ready');
    expect(seen.at(-1)).toEqual({ phase: 'ready', fraction: 1, loadedBytes: 100, totalBytes: 100, cachedBytes: 40 });
    const fractions = seen.map((progress) => progress.fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  });

  it('passes the weights phase when there is nothing to load', () => {
    const seen: Progress[] = [];
    const bar = new ProgressBar((progress) => seen.push(progress));
    bar.enter('weights');
    bar.expectBytes(0);
    expect(seen.at(-1)?.fraction).toBeCloseTo(0.85);
  });
});
