/** How much a {@link BufferPool} keeps. */
export interface BufferPoolOptions {
  /** Bytes kept for reuse; what is given back beyond them is left to the garbage collector. 64 MiB by default. */
  readonly maxKeptBytes?: number;
}

const MIN_BYTES = 1024;
const MAX_KEPT_BYTES = 1 << 26;

/**
 * Buffers to use again, since a fresh large one costs more than the copy into it. Sizes are rounded up to powers of two.
 *
 * A buffer taken belongs to the taker, who may give it back or keep it. It holds old bytes: whoever takes it overwrites all of it.
 * Giving back a buffer that is still in use, or twice, is a bug that the pool cannot see.
 */
export class BufferPool {
  readonly #maxKeptBytes: number;
  readonly #kept = new Map<number, ArrayBuffer[]>();
  #keptBytes = 0;

  constructor(options: BufferPoolOptions = {}) {
    this.#maxKeptBytes = options.maxKeptBytes ?? MAX_KEPT_BYTES;
  }

  /** Bytes kept at the moment. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** A view of exactly `bytes` bytes at offset 0 of its buffer, contents undefined. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const size = sizeClass(bytes);
    const buffer = this.#kept.get(size)?.pop();
    if (buffer !== undefined) this.#keptBytes -= size;
    return new Uint8Array(buffer ?? new ArrayBuffer(size), 0, bytes);
  }

  /** Hands back a buffer that {@link take} gave. Others (of odd sizes, transferred away) are ignored. */
  give(view: Uint8Array<ArrayBuffer>): void {
    const size = view.buffer.byteLength;
    if (size < MIN_BYTES || size !== sizeClass(size) || this.#keptBytes + size > this.#maxKeptBytes) return;
    const list = this.#kept.get(size);
    if (list === undefined) this.#kept.set(size, [view.buffer]);
    else list.push(view.buffer);
    this.#keptBytes += size;
  }
}

function sizeClass(bytes: number): number {
  return bytes <= MIN_BYTES ? MIN_BYTES : 2 ** Math.ceil(Math.log2(bytes));
}
