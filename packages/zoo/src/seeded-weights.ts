import type { NetworkWeight } from './network.ts';

/**
 * Values for one weight: He-normal kernels, small biases, batch norm close to the identity. The same seed and weight give
 * the same values; a network run with them is meaningless as a classifier and good for timing and for comparing splits.
 *
 * @param index - the weight's place in `network.weights`
 */
export function seededWeight(
  weight: NetworkWeight,
  { seed, index }: { readonly seed: number; readonly index: number },
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(weight.shape.reduce((product, size) => product * size, 1));
  const normal = normalStream(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  const { mean, spread } = distributionOf(weight);
  for (let at = 0; at < values.length; at++) values[at] = mean + spread * normal();
  if (weight.role === 'variance') for (let at = 0; at < values.length; at++) values[at] = Math.abs(values[at] ?? 1);
  return values;
}

function distributionOf({ role, fanIn }: NetworkWeight): { mean: number; spread: number } {
  if (role === 'kernel') return { mean: 0, spread: Math.sqrt(2 / fanIn) };
  if (role === 'scale' || role === 'variance') return { mean: 1, spread: 0.1 };
  return { mean: 0, spread: 0.05 };
}

/** Standard normal numbers: Box and Muller over Mulberry32. */
function normalStream(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}
