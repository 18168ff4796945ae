/**
 * Reproducible floats, uniform in [−scale, scale): the same bits everywhere, from integer arithmetic alone.
 *
 * @param seed - an unsigned 32-bit integer
 */
export function seededFloats(seed: number, count: number, scale: number): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(count);
  let state = seed >>> 0;
  for (let index = 0; index < count; index++) {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const unit = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    floats[index] = (2 * unit - 1) * scale;
  }
  return floats;
}
