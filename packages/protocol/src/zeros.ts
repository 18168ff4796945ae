/*
 * The `zeros` coding: a bitmap with one bit per element (least significant bit first, 1 = any bit of the element is set), then
 * those elements in order. Elements are compared as bit patterns, so -0.0 and every NaN come back as they were.
 */
type Words = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Bytes of the bitmap of a tensor of `count` elements. */
export function bitmapBytes(count: number): number {
  return Math.ceil(count / 8);
}

/**
 * Writes the bitmap and the non-zero elements of `source`.
 *
 * @param source - elements as they lie in memory, at an offset that is a multiple of `elementBytes`
 * @param bitmap - of {@link bitmapBytes}, overwritten
 * @param values - aligned; takes the non-zeros
 * @returns bytes written to `values`, or -1 when they do not fit
 */
export function compactZeros(
  source: Uint8Array<ArrayBuffer>,
  elementBytes: number,
  into: { readonly bitmap: Uint8Array<ArrayBuffer>; readonly values: Uint8Array<ArrayBuffer> },
): number {
  const [input, output] = [wordsOf(source, elementBytes), wordsOf(into.values, elementBytes)];
  const written =
    elementBytes === 8 ? compactPairs(input, into.bitmap, output) : compactWords(input, into.bitmap, output);
  return written < 0 ? -1 : written * input.BYTES_PER_ELEMENT;
}

/**
 * Spreads non-zeros over the tensor they came from, in place: on entry they lie at the end of `target`, in order; a write never
 * overtakes a read, since as many elements are left to write as to read, or more.
 *
 * @param bitmap - checked by {@link checkBitmap} against the number of values
 */
export function expandZeros(target: Uint8Array<ArrayBuffer>, elementBytes: number, bitmap: Uint8Array): void {
  const words = wordsOf(target, elementBytes);
  if (elementBytes === 8) expandPairs(words, bitmap);
  else expandWords(words, bitmap);
}

/** Why a bitmap from outside cannot belong to `count` elements of which `nonZeros` follow; `undefined` if it can. */
export function checkBitmap(bitmap: Uint8Array, count: number, nonZeros: number): string | undefined {
  const tail = count % 8;
  if (tail !== 0 && Number(bitmap[bitmap.length - 1]) >> tail !== 0) return 'bits beyond the last element are set';
  const set = countBits(bitmap);
  return set === nonZeros ? undefined : `its bitmap marks ${set} elements and ${nonZeros} follow`;
}

function wordsOf(bytes: Uint8Array<ArrayBuffer>, elementBytes: number): Words {
  const { buffer, byteOffset, byteLength } = bytes;
  if (elementBytes === 1) return bytes;
  if (elementBytes === 2) return new Uint16Array(buffer, byteOffset, byteLength >> 1);
  return new Int32Array(buffer, byteOffset, byteLength >>> 2);
}

/**
 * Without a branch on the elements, since zeros come at random and a mispredicted branch costs more than a spare write; and
 * eight by eight without an inner loop, which is twice as fast.
 */
function compactWords(input: Words, bitmap: Uint8Array, output: Words): number {
  const whole = input.length & ~7;
  const room = output.length - 8;
  let written = 0;
  let at = 0;
  for (; at < whole && written <= room; at += 8) {
    const a = input[at] as number;
    const b = input[at + 1] as number;
    const c = input[at + 2] as number;
    const d = input[at + 3] as number;
    const e = input[at + 4] as number;
    const f = input[at + 5] as number;
    const g = input[at + 6] as number;
    const h = input[at + 7] as number;
    output[written] = a;
    written += isSet(a);
    output[written] = b;
    written += isSet(b);
    output[written] = c;
    written += isSet(c);
    output[written] = d;
    written += isSet(d);
    output[written] = e;
    written += isSet(e);
    output[written] = f;
    written += isSet(f);
    output[written] = g;
    written += isSet(g);
    output[written] = h;
    written += isSet(h);
    bitmap[at >> 3] =
      isSet(a) |
      (isSet(b) << 1) |
      (isSet(c) << 2) |
      (isSet(d) << 3) |
      (isSet(e) << 4) |
      (isSet(f) << 5) |
      (isSet(g) << 6) |
      (isSet(h) << 7);
  }
  return compactTail({ input, bitmap, output }, { at, written });
}

/** 1 if any bit of a 32-bit value is set, else 0. */
function isSet(value: number): number {
  return (value | (0 - value)) >>> 31;
}

/** The same for the last elements, or where the room may run out within a byte of the bitmap. */
function compactTail(
  arrays: { readonly input: Words; readonly bitmap: Uint8Array; readonly output: Words },
  from: { readonly at: number; readonly written: number },
): number {
  const { input, bitmap, output } = arrays;
  let written = from.written;
  bitmap.fill(0, from.at >> 3);
  for (let at = from.at; at < input.length; at++) {
    const value = input[at] as number;
    if (value === 0) continue;
    if (written === output.length) return -1;
    output[written++] = value;
    bitmap[at >> 3] = (bitmap[at >> 3] as number) | (1 << (at & 7));
  }
  return written;
}

function compactPairs(input: Words, bitmap: Uint8Array, output: Words): number {
  let written = 0;
  bitmap.fill(0);
  for (let at = 0; at < input.length; at += 2) {
    const low = input[at] as number;
    const high = input[at + 1] as number;
    if ((low | high) === 0) continue;
    if (written === output.length) return -1;
    output[written++] = low;
    output[written++] = high;
    bitmap[at >> 4] = (bitmap[at >> 4] as number) | (1 << ((at >> 1) & 7));
  }
  return written;
}

/** See {@link compactWords} on its form. */
function expandWords(words: Words, bitmap: Uint8Array): void {
  const count = words.length;
  let read = count - countBits(bitmap);
  let at = 0;
  for (; read <= count - 8; at += 8) {
    const bits = bitmap[at >> 3] as number;
    words[at] = (words[read] as number) & -(bits & 1);
    read += bits & 1;
    words[at + 1] = (words[read] as number) & -((bits >> 1) & 1);
    read += (bits >> 1) & 1;
    words[at + 2] = (words[read] as number) & -((bits >> 2) & 1);
    read += (bits >> 2) & 1;
    words[at + 3] = (words[read] as number) & -((bits >> 3) & 1);
    read += (bits >> 3) & 1;
    words[at + 4] = (words[read] as number) & -((bits >> 4) & 1);
    read += (bits >> 4) & 1;
    words[at + 5] = (words[read] as number) & -((bits >> 5) & 1);
    read += (bits >> 5) & 1;
    words[at + 6] = (words[read] as number) & -((bits >> 6) & 1);
    read += (bits >> 6) & 1;
    words[at + 7] = (words[read] as number) & -((bits >> 7) & 1);
    read += (bits >> 7) & 1;
  }
  for (; at < count; at++) {
    const set = ((bitmap[at >> 3] as number) >> (at & 7)) & 1;
    words[at] = set === 0 ? 0 : (words[read] as number);
    read += set;
  }
}

function expandPairs(words: Words, bitmap: Uint8Array): void {
  let read = words.length - 2 * countBits(bitmap);
  for (let at = 0; at < words.length; at += 2) {
    const set = ((bitmap[at >> 4] as number) >> ((at >> 1) & 7)) & 1;
    words[at] = set === 0 ? 0 : (words[read] as number);
    words[at + 1] = set === 0 ? 0 : (words[read + 1] as number);
    read += 2 * set;
  }
}

const BITS_OF: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest !== 0; rest >>= 1) bits += rest & 1;
  return bits;
});

function countBits(bitmap: Uint8Array): number {
  let bits = 0;
  for (let at = 0; at < bitmap.length; at++) bits += BITS_OF[bitmap[at] as number] as number;
  return bits;
}
