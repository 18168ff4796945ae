import { makeTensor, type Tensor } from '@d3/tensor';
import { describe, expect, it } from 'vitest';
import { compareTensors, largestMagnitude, mergeDifferences } from './compare-tensors.ts';

const floats = (...values: number[]): Tensor => makeTensor('t', 'float32', [values.length], new Float32Array(values));

describe('compareTensors()', () => {
  it('calls equal bits identical, NaN included', () => {
    expect(compareTensors(floats(1, Number.NaN), floats(1, Number.NaN))).toEqual({ identical: true, maxAbsDiff: 0 });
  });

  it('says how far apart different values are', () => {
    expect(compareTensors(floats(1, 2, 3), floats(1, 2.5, 3.25))).toEqual({ identical: false, maxAbsDiff: 0.5 });
  });

  it('tells 0 from −0: equal values, other bits', () => {
    expect(compareTensors(floats(0), floats(-0))).toEqual({ identical: false, maxAbsDiff: 0 });
  });

  it('is infinitely far from a NaN, another shape, another type, or nothing', () => {
    const far = { identical: false, maxAbsDiff: Number.POSITIVE_INFINITY };
    expect(compareTensors(floats(1), floats(Number.NaN))).toEqual(far);
    expect(compareTensors(floats(1, 2), makeTensor('t', 'float32', [1, 2], new Float32Array([1, 2])))).toEqual(far);
    expect(compareTensors(floats(1), makeTensor('t', 'int32', [1], new Int32Array([1])))).toEqual(far);
    expect(compareTensors(undefined, floats(1))).toEqual(far);
  });

  it('reads float16 and int64', () => {
    const half = (...bits: number[]) => makeTensor('h', 'float16', [bits.length], new Uint16Array(bits));
    expect(compareTensors(half(0x3c00, 0x0001), half(0x4000, 0x0001)).maxAbsDiff).toBe(1);
    expect(largestMagnitude(half(0xc000, 0x3800))).toBe(2);
    const long = (value: bigint) => makeTensor('l', 'int64', [1], new BigInt64Array([value]));
    expect(compareTensors(long(5n), long(-2n)).maxAbsDiff).toBe(7);
  });
});

describe('mergeDifferences()', () => {
  it('keeps the worse of both', () => {
    const merged = mergeDifferences({ identical: true, maxAbsDiff: 0 }, { identical: false, maxAbsDiff: 2 });
    expect(merged).toEqual({ identical: false, maxAbsDiff: 2 });
  });
});
