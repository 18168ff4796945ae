import type { Bytes } from './model.ts';

const SCRATCH_BYTES = 512;
/** A nested message up to this size is copied at once; larger ones stay chunks of their own. */
const SMALL_BYTES = 128;
const TEXT = new TextEncoder();

/**
 * Writes one protobuf message as a list of chunks, so that large byte fields are copied once, by {@link finish}, and not once
 * per level of nesting (which is what writers with a growing buffer do).
 */
export class MessageWriter {
  #chunks: Uint8Array[] = [];
  #scratch: Uint8Array = new Uint8Array(0);
  #used = 0;
  #start = 0;
  #byteLength = 0;

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** An integer field (int32, int64, enum, bool). Negative values take ten bytes, as the format says. */
  int(field: number, value: number | bigint): this {
    this.#varint(BigInt(field << 3));
    this.#varint(BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  /** A float field. */
  float(field: number, value: number): this {
    this.#varint(BigInt((field << 3) | 5));
    this.#own(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  /** A byte field; `value` is kept, not copied, until {@link finish}. */
  bytes(field: number, value: Uint8Array): this {
    this.#header(field, value.byteLength);
    this.#adopt([value], value.byteLength);
    return this;
  }

  /** A text field. */
  string(field: number, value: string): this {
    return this.bytes(field, TEXT.encode(value));
  }

  /** A nested message; `value` must not be written to afterwards. */
  message(field: number, value: MessageWriter): this {
    value.#flush();
    this.#header(field, value.byteLength);
    this.#adopt(value.#chunks, value.byteLength);
    return this;
  }

  /** A repeated integer field, packed; nothing if empty. */
  packedInts(field: number, values: readonly (number | bigint)[]): this {
    if (values.length === 0) return this;
    const packed = new MessageWriter();
    for (const value of values) packed.#varint(BigInt.asUintN(64, BigInt(value)));
    return this.message(field, packed);
  }

  /** A repeated float field, packed; nothing if empty. */
  packedFloats(field: number, values: readonly number[]): this {
    return values.length === 0 ? this : this.bytes(field, new Uint8Array(Float32Array.from(values).buffer));
  }

  /** The message, in one new buffer. */
  finish(): Bytes {
    this.#flush();
    const out = new Uint8Array(this.#byteLength);
    let at = 0;
    for (const chunk of this.#chunks) {
      out.set(chunk, at);
      at += chunk.byteLength;
    }
    return out;
  }

  #header(field: number, byteLength: number): void {
    this.#varint(BigInt((field << 3) | 2));
    this.#varint(BigInt(byteLength));
  }

  #varint(value: bigint): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 0x7fn) {
      this.#scratch[this.#used++] = Number(rest & 0x7fn) | 0x80;
      this.#byteLength++;
      rest >>= 7n;
    }
    this.#scratch[this.#used++] = Number(rest);
    this.#byteLength++;
  }

  #own(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength);
    this.#scratch.set(bytes, this.#used);
    this.#used += bytes.byteLength;
    this.#byteLength += bytes.byteLength;
  }

  #adopt(chunks: readonly Uint8Array[], byteLength: number): void {
    if (byteLength <= SMALL_BYTES) {
      for (const chunk of chunks) this.#own(chunk);
      return;
    }
    this.#flush();
    for (const chunk of chunks) this.#chunks.push(chunk);
    this.#byteLength += byteLength;
  }

  #reserve(byteLength: number): void {
    if (this.#used + byteLength <= this.#scratch.byteLength) return;
    this.#flush();
    this.#scratch = new Uint8Array(SCRATCH_BYTES);
    this.#used = 0;
    this.#start = 0;
  }

  #flush(): void {
    if (this.#used > this.#start) this.#chunks.push(this.#scratch.subarray(this.#start, this.#used));
    this.#start = this.#used;
  }
}
