import { describe, expect, it } from 'vitest';
import { byteLength, ELEMENT_TYPES, elementCount, isElementType, makeTensor, typedView } from './index.ts';

describe('makeTensor()', () => {
  it('wraps data without a copy', () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const tensor = makeTensor('x', 'float32', [2, 2], data);
    expect(tensor.bytes.buffer).toBe(data.buffer);
    expect(typedView({ ...tensor, type: 'float32' })).toEqual(data);
  });

  it('refuses data that does not fit the shape', () => {
    expect(() => makeTensor('x', 'float32', [3], Float32Array.of(1, 2))).toThrow(
      "Tensor 'x' of type float32 and shape [3] needs 12 bytes and has 8",
    );
  });
});

describe('typedView()', () => {
  it('copies misaligned bytes', () => {
    const bytes = new Uint8Array(9).subarray(1);
    bytes.set(new Uint8Array(Float32Array.of(1.5, -2).buffer));
    expect([...typedView({ type: 'float32', shape: [2], bytes })]).toEqual([1.5, -2]);
  });
});

describe('sizes', () => {
  it('elementCount() of a scalar is 1', () => expect(elementCount([])).toBe(1));
  it('byteLength() counts every type', () => {
    expect(ELEMENT_TYPES.map((type) => byteLength(type, [2, 3]))).toEqual([24, 12, 6, 6, 24, 48, 6]);
  });
  it('isElementType() refuses prototype names', () => {
    expect(isElementType('float32')).toBe(true);
    expect(isElementType('toString')).toBe(false);
  });
});
