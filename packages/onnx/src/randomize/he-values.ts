/**
 * Roughly normal values of standard deviation √(2 ÷ fanIn) (He et al., arXiv 1502.01852), from exact arithmetic only, so that a
 * seed gives the same bits in every engine: each is the sum of four uniform 16-bit draws, centred and scaled.
 */
export function heValues(count: number, fanIn: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  // Four uniform draws from 0 … 65535 have variance 4 · 65536² ÷ 12.
  const scale = Math.sqrt(2 / fanIn) / (65536 / Math.sqrt(3));
  let state = seed | 0;
  for (let index = 0; index < count; index++) {
    state = (state + 0x6d2b79f5) | 0;
    const first = mix(state);
    state = (state + 0x6d2b79f5) | 0;
    const second = mix(state);
    const sum = (first & 0xffff) + (first >>> 16) + (second & 0xffff) + (second >>> 16);
    values[index] = (sum - 131070) * scale;
  }
  return values;
}

/** The output function of mulberry32. */
function mix(state: number): number {
  let value = Math.imul(state ^ (state >>> 15), state | 1);
  value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
  return (value ^ (value >>> 14)) >>> 0;
}
