/*
 * The `zeros` coding: a bitmap with one bit per element (least significant bit first, 1 = any bit of the element is set), then
 * those elements in order. Elements are compared as bit patterns, so -0.0 and every NaN come back as they were.
 */
type Words = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

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
  return new Uint32Array(buffer, byteOffset, byteLength >>> 2);
}

function compactWords(input: Words, bitmap: Uint8Array, output: Words): number {
  const count = input.length;
  const room = output.length;
  let written = 0;
  for (let at = 0, byte = 0; at < count; byte++) {
    const end = Math.min(at + 8, count);
    if (written + (end - at) > room) return compactTail({ input, bitmap, output }, { at, written });
    let bits = 0;
    for (let bit = 1; at < end; at++, bit <<= 1) {
      const value = input[at] as number;
      output[written] = value;
      const set = value === 0 ? 0 : 1;
      written += set;
      bits |= set === 0 ? 0 : bit;
    }
    bitmap[byte] = bits;
  }
  return written;
}

/** The same where the room may run out within a byte of the bitmap. */
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

function expandWords(words: Words, bitmap: Uint8Array): void {
  const count = words.length;
  let read = count - countBits(bitmap);
  for (let at = 0, byte = 0; at < count; byte++) {
    const end = Math.min(at + 8, count);
    let bits = bitmap[byte] as number;
    if (bits === 0) {
      words.fill(0, at, end);
      at = end;
      continue;
    }
    for (; at < end; at++, bits >>= 1) words[at] = (bits & 1) === 0 ? 0 : (words[read++] as number);
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
