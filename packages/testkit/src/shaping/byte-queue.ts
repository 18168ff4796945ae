/** Bytes that came in pieces, to be read in others. */
export class ByteQueue {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Uint8Array): void {
    if (piece.byteLength === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.byteLength;
  }

  /** A copy of the first `count` bytes, which stay; fewer if there are not so many. */
  peek(count: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(Math.min(count, this.#length));
    let at = 0;
    for (const piece of this.#pieces) {
      if (at === out.length) break;
      const part = piece.subarray(0, out.length - at);
      out.set(part, at);
      at += part.byteLength;
    }
    return out;
  }

  /** Removes the first `count` bytes, or all there are. */
  skip(count: number): void {
    let left = Math.min(count, this.#length);
    this.#length -= left;
    while (left > 0) {
      const head = this.#pieces[0];
      if (head === undefined) return;
      if (head.byteLength <= left) this.#pieces.shift();
      else this.#pieces[0] = head.subarray(left);
      left -= Math.min(left, head.byteLength);
    }
  }

  /** Removes and returns the first `count` bytes. */
  take(count: number): Uint8Array<ArrayBuffer> {
    const out = this.peek(count);
    this.skip(count);
    return out;
  }
}
