/**
 * Buffers that came back from a worker, to be filled again: a fresh large buffer costs more in page faults than the copy
 * into it.
 */
export class SpareBuffers {
  readonly #bySize = new Map<number, ArrayBuffer[]>();
  readonly #perSize: number;

  /** @param perSize - how many of one size are kept */
  constructor(perSize: number) {
    this.#perSize = perSize;
  }

  /** A buffer of exactly this many bytes, with anything in it. */
  take(bytes: number): ArrayBuffer {
    return this.#bySize.get(bytes)?.pop() ?? new ArrayBuffer(bytes);
  }

  /** Gives a buffer for reuse; it must not be used by the giver any more. */
  give(buffer: ArrayBuffer): void {
    const spares = this.#bySize.get(buffer.byteLength) ?? [];
    if (spares.length < this.#perSize) spares.push(buffer);
    this.#bySize.set(buffer.byteLength, spares);
  }
}
