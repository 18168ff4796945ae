import { byteLength, elementBytes, elementCount, type Tensor } from '@d3/tensor';
import type { BufferPool } from './buffer-pool.ts';
import { protocolError } from './errors.ts';
import type { WireTensor } from './frame.ts';
import { bitmapBytes, checkBitmap, expandZeros } from './zeros.ts';

/**
 * Takes the coded bytes of one tensor as they come, into the memory that the tensor will have. Its table entry was checked.
 *
 * `zeros` needs no second buffer but the bitmap: the non-zeros go to the end of the tensor and are spread out from there.
 */
export class TensorReceiver {
  readonly #wire: WireTensor;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #bitmap: Uint8Array<ArrayBuffer> | undefined;
  #received = 0;

  constructor(wire: WireTensor, pool?: BufferPool) {
    this.#wire = wire;
    const size = byteLength(wire.type, wire.shape);
    this.#bytes = pool?.take(size) ?? new Uint8Array(size);
    if (wire.codec === 'zeros') this.#bitmap = new Uint8Array(bitmapBytes(elementCount(wire.shape)));
  }

  /** Coded bytes still to come. */
  get missingBytes(): number {
    return this.#wire.codedBytes - this.#received;
  }

  /** The memory taken, to give back when the frame is dropped. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Copies the next bytes, at most {@link missingBytes} of them. */
  write(chunk: Uint8Array): void {
    const bitmapLength = this.#bitmap?.byteLength ?? 0;
    const toBitmap = Math.min(chunk.byteLength, Math.max(0, bitmapLength - this.#received));
    if (toBitmap > 0) this.#bitmap?.set(chunk.subarray(0, toBitmap), this.#received);
    // For 'raw' and 'pixels' this is 0: coded bytes and tensor are the same.
    const shift = this.#bytes.byteLength - this.#wire.codedBytes;
    if (chunk.byteLength > toBitmap) this.#bytes.set(chunk.subarray(toBitmap), this.#received + toBitmap + shift);
    this.#received += chunk.byteLength;
  }

  /**
   * The tensor, once nothing is missing.
   *
   * @throws D3Error `PROTOCOL_CODING_INVALID`
   */
  finish(): Tensor {
    const { name, type, shape, codec, codedBytes } = this.#wire;
    if (this.#bitmap !== undefined) {
      const nonZeros = (codedBytes - this.#bitmap.byteLength) / elementBytes(type);
      const problem = checkBitmap(this.#bitmap, elementCount(shape), nonZeros);
      if (problem !== undefined) throw protocolError('PROTOCOL_CODING_INVALID', { tensor: name, codec, problem });
      expandZeros(this.#bytes, elementBytes(type), this.#bitmap);
    }
    return { type, shape, bytes: this.#bytes };
  }
}
