import { elementBytes, elementCount, type Tensor } from '@d3/tensor';
import type { BufferPool } from './buffer-pool.ts';
import type { TensorCodec } from './frame.ts';
import { bitmapBytes, compactZeros } from './zeros.ts';

/** A tensor as it goes on the wire. */
export interface CodedTensor {
  readonly codec: TensorCodec;
  readonly codedBytes: number;
  /** One after the other the coded bytes: views of the tensor itself, or of staging buffers. */
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
  /** Buffers from the pool, to be given back once the parts were copied. */
  readonly staging: readonly Uint8Array<ArrayBuffer>[];
}

const SMALL_BYTES = 1024;
const SAMPLES = 512;
const WORTH = 0.9;

/**
 * Guesses the smallest coding from some hundred elements, so that dense tensors are not scanned.
 *
 * `zeros` when bitmap and non-zeros together are expected to be under 0.9 of the bytes, else `raw`. Never `pixels`: that is the
 * sender's knowledge.
 */
export function chooseCodec(tensor: Tensor): 'raw' | 'zeros' {
  const { bytes } = tensor;
  if (bytes.byteLength < SMALL_BYTES) return 'raw';
  const size = elementBytes(tensor.type);
  const count = bytes.byteLength / size;
  // Odd, so that it does not keep step with rows and channels.
  const stride = Math.max(1, Math.floor(count / SAMPLES)) | 1;
  let zeros = 0;
  let seen = 0;
  for (let at = 0; at < count; at += stride, seen++) zeros += isZero(bytes, at * size, size) ? 1 : 0;
  return 1 - zeros / seen + 1 / (8 * size) < WORTH ? 'zeros' : 'raw';
}

/**
 * Codes a tensor. `zeros` falls back to `raw` where it saves nothing, so look at the codec of what comes back.
 *
 * The parts of `raw` and `pixels` are the tensor's own bytes: no copy.
 */
export function codeTensor(tensor: Tensor, codec: TensorCodec, pool?: BufferPool): CodedTensor {
  const coded = codec === 'zeros' ? codeZeros(tensor, pool) : undefined;
  if (coded !== undefined) return coded;
  return {
    codec: codec === 'pixels' ? 'pixels' : 'raw',
    codedBytes: tensor.bytes.byteLength,
    parts: [tensor.bytes],
    staging: [],
  };
}

function codeZeros(tensor: Tensor, pool: BufferPool | undefined): CodedTensor | undefined {
  const size = elementBytes(tensor.type);
  const bitmapLength = bitmapBytes(elementCount(tensor.shape));
  const room = Math.floor((tensor.bytes.byteLength - bitmapLength - 1) / size) * size;
  if (room <= 0) return undefined;
  const take = (bytes: number): Uint8Array<ArrayBuffer> => pool?.take(bytes) ?? new Uint8Array(bytes);
  const bitmap = take(bitmapLength);
  const values = take(room);
  const source = tensor.bytes.byteOffset % size === 0 ? tensor.bytes : tensor.bytes.slice();
  const written = compactZeros(source, size, { bitmap, values });
  if (written < 0) {
    pool?.give(bitmap);
    pool?.give(values);
    return undefined;
  }
  const parts = [bitmap, values.subarray(0, written)];
  return { codec: 'zeros', codedBytes: bitmapLength + written, parts, staging: [bitmap, values] };
}

function isZero(bytes: Uint8Array, offset: number, size: number): boolean {
  for (let at = offset; at < offset + size; at++) if (bytes[at] !== 0) return false;
  return true;
}
