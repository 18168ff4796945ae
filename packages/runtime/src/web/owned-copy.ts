import type { TensorMap } from '@d3/tensor';

/**
 * The same bytes in a buffer of their own, to be transferred: a caller keeps what it passed in, and a view is not sent along
 * with the whole buffer that it looks into.
 */
export function ownedCopy(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.slice();
}

/** {@link ownedCopy} of every tensor. */
export function ownedTensors(tensors: TensorMap): TensorMap {
  const copies = Object.entries(tensors).map(([name, { type, shape, bytes }]) => {
    return [name, { type, shape, bytes: ownedCopy(bytes) }] as const;
  });
  return Object.fromEntries(copies);
}
