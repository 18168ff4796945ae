import type { Network, NetworkWeight } from './network.ts';

/** Elements made at a time: 4 MB. */
const CHUNK_ELEMENTS = 1 << 20;
/** Standard deviation of a sum of four numbers that are uniform over 0 … 65535. */
const SUM_DEVIATION = Math.sqrt((4 * (65_536 ** 2 - 1)) / 12);
const SUM_MEAN = 2 * 65_535;

/** Which values: those of the weight at this place in `network.weights`, for this seed. */
export interface SeededOptions {
  readonly seed: number;
  readonly index: number;
}

/** Part of a network's weights file. */
export interface WeightChunk {
  /** Where it belongs. */
  readonly offset: number;
  /** Little-endian float32; overwritten when the next chunk is asked for. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Values for one weight: He-scaled, bell-shaped kernels, small biases, batch norm close to the identity. The same seed and weight
 * give the same values on every machine; a network run with them is meaningless as a classifier and good for timing and for
 * comparing splits.
 */
export function seededWeight(weight: NetworkWeight, options: SeededOptions): Float32Array<ArrayBuffer> {
  const values = new Float32Array(elementsOf(weight));
  fillSeeded(weight, { ...options, values, from: 0 });
  return values;
}

/**
 * The whole weights file of a network in order, a few megabytes at a time, so that no network lies in memory whole. Chunks share
 * one buffer.
 */
export function* seededChunks(network: Network, { seed }: { readonly seed: number }): Generator<WeightChunk, void> {
  const buffer = new Float32Array(CHUNK_ELEMENTS);
  for (const [index, weight] of network.weights.entries()) {
    const elements = elementsOf(weight);
    for (let from = 0; from < elements; from += CHUNK_ELEMENTS) {
      const values = buffer.subarray(0, Math.min(CHUNK_ELEMENTS, elements - from));
      fillSeeded(weight, { seed, index, values, from });
      yield { offset: weight.external.offset + 4 * from, bytes: littleEndian(values) };
    }
  }
}

/**
 * Element i is a function of seed, weight and i alone, by integer arithmetic: sines and logarithms differ between machines in
 * the last bit.
 */
function fillSeeded(
  weight: NetworkWeight,
  { seed, index, values, from }: SeededOptions & { readonly values: Float32Array<ArrayBuffer>; readonly from: number },
): void {
  const { mean, spread } = distributionOf(weight);
  const factor = (weight.gain * spread) / SUM_DEVIATION;
  const shift = weight.gain * mean;
  const stream = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);
  for (let at = 0; at < values.length; at++) {
    const high = mixed(stream + Math.imul(2 * (from + at) + 1, 0x6d2b79f5));
    const low = mixed(stream + Math.imul(2 * (from + at) + 2, 0x6d2b79f5));
    const sum = (high >>> 16) + (high & 0xffff) + (low >>> 16) + (low & 0xffff);
    values[at] = shift + factor * (sum - SUM_MEAN);
  }
}

/** Four in ten thousand of the values reach 2√3 deviations; none goes past it, so scales and variances stay positive. */
function distributionOf({ role, fanIn }: NetworkWeight): { mean: number; spread: number } {
  if (role === 'kernel') return { mean: 0, spread: Math.sqrt(2 / fanIn) };
  if (role === 'scale' || role === 'variance') return { mean: 1, spread: 0.1 };
  if (role === 'embedding') return { mean: 0, spread: 0.5 };
  return { mean: 0, spread: 0.05 };
}

/** Mulberry32's output function. */
function mixed(state: number): number {
  const once = Math.imul(state ^ (state >>> 15), 1 | state);
  const twice = (once + Math.imul(once ^ (once >>> 7), 61 | once)) ^ once;
  return (twice ^ (twice >>> 14)) >>> 0;
}

/** The bytes of these values, turned in place on a big-endian machine. */
function littleEndian(values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [at, value] of values.entries()) view.setFloat32(4 * at, value, true);
  return bytes;
}

function elementsOf({ shape }: NetworkWeight): number {
  return shape.reduce((product, size) => product * size, 1);
}
