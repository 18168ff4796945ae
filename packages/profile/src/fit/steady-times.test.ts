import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { steadyTimes } from './steady-times.ts';

const SEED = 20;
const unit = fc.double({ min: 0, max: 1, noNaN: true });

describe('steadyTimes()', () => {
  it('gives back what every round agrees on', () => {
    expect(
      steadyTimes([
        [2, 2, 2],
        [5, 5, 5],
        [0, 0, 0],
      ]),
    ).toEqual([2, 5, 0]);
    expect(steadyTimes([[7]])).toEqual([7]);
    expect(steadyTimes([])).toEqual([]);
    expect(steadyTimes([[]])).toEqual([Number.NaN]);
  });

  it('sees through slow phases of up to half of the rounds, and single slow runs', () => {
    const scene = fc.record({
      truths: fc.array(fc.double({ min: 0.1, max: 50, noNaN: true }), { minLength: 8, maxLength: 30 }),
      rounds: fc.integer({ min: 8, max: 14 }),
      slow: fc.double({ min: 1.1, max: 3, noNaN: true }),
      jitter: fc.array(unit, { minLength: 30 * 14, maxLength: 30 * 14 }),
    });
    const holds = ({
      truths,
      rounds,
      slow,
      jitter,
    }: {
      truths: number[];
      rounds: number;
      slow: number;
      jitter: number[];
    }) => {
      const times = truths.map((truth, at) => {
        return Array.from({ length: rounds }, (_, round) => {
          const own = 1 + 0.02 * (jitter[at * 14 + round] ?? 0);
          const isOutlier = (at * 7 + round * 3) % 11 === 0;
          return truth * own * (round < rounds / 2 ? slow : 1) * (isOutlier ? 4 : 1);
        });
      });
      steadyTimes(times).forEach((time, at) => {
        expect(Math.abs(time / (truths[at] ?? 0) - 1)).toBeLessThan(0.08);
      });
    };
    fc.assert(fc.property(scene, holds), { seed: SEED, numRuns: 200 });
  });

  it('tells finer times than the clock shows', () => {
    const ticks = [0, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.2, 0.1, 0.2, 0.2, 0.1];
    const others = [3, 4, 5].map((time) => ticks.map(() => time));
    expect(steadyTimes([ticks, ...others])[0]).toBeCloseTo(0.117, 3);
  });
});
