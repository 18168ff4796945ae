import { describe, expect, it } from 'vitest';
import { costKind } from '../index.ts';

const conv = (kernel: [number, number], groups: number, flops: number) => ({
  kind: 'Conv',
  flops,
  spatial: { kernel, groups },
});
/** Values of the output. */
const VALUES = 32 * 14 * 14;

describe('costKind()', () => {
  it('tells the families of convolution apart', () => {
    const kindOf = (kernel: [number, number], groups: number, channels: number) =>
      costKind(conv(kernel, groups, 2 * kernel[0] * kernel[1] * channels * VALUES + VALUES), 4 * VALUES);
    expect(kindOf([1, 1], 1, 32)).toBe('Conv/pointwise');
    expect(kindOf([3, 3], 1, 32)).toBe('Conv/dense');
    expect(kindOf([1, 7], 1, 32)).toBe('Conv/dense');
    expect(kindOf([3, 3], 32, 1)).toBe('Conv/depthwise');
    expect(kindOf([3, 3], 16, 2)).toBe('Conv/grouped');
  });

  it('is the operator for all else, and for a convolution of unknown geometry', () => {
    expect(costKind({ kind: 'MaxPool', flops: 9, spatial: { kernel: [3, 3], groups: 1 } }, 4)).toBe('MaxPool');
    expect(costKind({ kind: 'Conv', flops: 9 }, 4)).toBe('Conv');
  });
});
