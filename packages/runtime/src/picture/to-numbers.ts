import { type Tensor, typedView } from '@d3/tensor';

/** A tensor's elements as numbers; int64 beyond 2^53 loses its last digits. */
export function toNumbers(tensor: Tensor): number[] {
  if (tensor.type === 'float16') return Array.from(typedView({ ...tensor, type: 'float16' }), fromHalf);
  return Array.from(typedView(tensor), Number);
}

/** The value of a 16-bit float's pattern (IEEE 754 binary16). */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
