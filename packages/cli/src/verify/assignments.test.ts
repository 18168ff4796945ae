import type { LayerGraph } from '@d3/partition';
import { describe, expect, it } from 'vitest';
import { prefixCuts, randomAssignments } from './assignments.ts';

/** A diamond and a tail: 0 → 1, 2 → 3 → 4. */
const DIAMOND: LayerGraph = {
  layers: (
    [
      ['a', ['x'], ['ta']],
      ['b', ['ta'], ['tb']],
      ['c', ['ta'], ['tc']],
      ['d', ['tb', 'tc'], ['td']],
      ['e', ['td'], ['y']],
    ] as const
  ).map(([name, inputs, outputs]) => ({ name, kind: 'Relu', flops: 1, weightBytes: 0, inputs, outputs })),
  tensors: ['x', 'ta', 'tb', 'tc', 'td', 'y'].map((name) => ({
    name,
    bytes: 4,
    isInput: name === 'x',
    isOutput: name === 'y',
  })),
};

describe('prefixCuts()', () => {
  it('cuts at every place between two layers', () => {
    expect(prefixCuts(4, 'all')).toEqual([
      [0, 1, 1, 1],
      [0, 0, 1, 1],
      [0, 0, 0, 1],
    ]);
  });

  it('spreads fewer evenly, from the first place to the last, without a repeat', () => {
    const places = prefixCuts(101, 5).map((cut) => cut.indexOf(1));
    expect(places).toEqual([1, 26, 51, 75, 100]);
    expect(prefixCuts(101, 1)).toHaveLength(1);
    expect(prefixCuts(4, 99)).toHaveLength(3);
  });

  it('has nothing to cut in a single layer', () => {
    expect(prefixCuts(1, 'all')).toEqual([]);
  });
});

describe('randomAssignments()', () => {
  it('never decreases along an edge and leaves no tier empty', () => {
    const all = randomAssignments(DIAMOND, { count: 200, seed: 1 });
    for (const tierOf of all) {
      const [a = 9, b = 9, c = 9, d = 9, e = 9] = tierOf;
      expect(a <= b && a <= c && b <= d && c <= d && d <= e).toBe(true);
      expect(new Set(tierOf)).toEqual(new Set([0, 1, 2]));
    }
  });

  it('reaches every valid assignment that uses all three tiers', () => {
    const seen = new Set(randomAssignments(DIAMOND, { count: 500, seed: 2 }).map(String));
    const valid: string[] = [];
    for (let code = 0; code < 3 ** 5; code++) {
      const t = [81, 27, 9, 3, 1].map((weight) => Math.floor(code / weight) % 3);
      const [a = 0, b = 0, c = 0, d = 0, e = 0] = t;
      if (a <= b && a <= c && b <= d && c <= d && d <= e && new Set(t).size === 3) valid.push(String(t));
    }
    expect([...seen].sort()).toEqual(valid.sort());
  });

  it('repeats with the same seed and differs with another', () => {
    const of = (seed: number) => randomAssignments(DIAMOND, { count: 20, seed });
    expect(of(3)).toEqual(of(3));
    expect(of(3)).not.toEqual(of(4));
  });
});
