import { toNumbers } from '@d3/runtime';
import { type Tensor, typedView } from '@d3/tensor';

/** How far two tensors, or several pairs of them, are apart. */
export interface Difference {
  /** Whether every byte is equal. */
  readonly identical: boolean;
  /** Largest absolute difference of two elements; infinite where type, shape or a NaN differ. */
  readonly maxAbsDiff: number;
}

/** No difference: where adding up begins. */
export const NO_DIFFERENCE: Difference = { identical: true, maxAbsDiff: 0 };

/** Compares bit for bit, and says how far apart the values are where the bits differ. */
export function compareTensors(actual: Tensor | undefined, expected: Tensor | undefined): Difference {
  if (actual === undefined || expected === undefined || !sameForm(actual, expected)) {
    return { identical: false, maxAbsDiff: Number.POSITIVE_INFINITY };
  }
  if (Buffer.compare(actual.bytes, expected.bytes) === 0) return NO_DIFFERENCE;
  return { identical: false, maxAbsDiff: largestGap(elementsOf(actual), elementsOf(expected)) };
}

/** The worse of both. */
export function mergeDifferences(a: Difference, b: Difference): Difference {
  return { identical: a.identical && b.identical, maxAbsDiff: Math.max(a.maxAbsDiff, b.maxAbsDiff) };
}

/** Largest absolute element, ignoring NaN. */
export function largestMagnitude(tensor: Tensor): number {
  let largest = 0;
  for (const value of elementsOf(tensor)) {
    const size = Math.abs(value);
    if (size > largest) largest = size;
  }
  return largest;
}

function sameForm(a: Tensor, b: Tensor): boolean {
  return (
    a.type === b.type && a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis])
  );
}

function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let index = 0; index < a.length; index++) {
    const x = a[index] ?? 0;
    const y = b[index] ?? 0;
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const gap = Math.abs(x - y);
    if (Number.isNaN(gap)) return Number.POSITIVE_INFINITY;
    if (gap > largest) largest = gap;
  }
  return largest;
}

function elementsOf(tensor: Tensor): ArrayLike<number> & Iterable<number> {
  const { type } = tensor;
  return type === 'float16' || type === 'int64' ? toNumbers(tensor) : typedView({ ...tensor, type });
}
