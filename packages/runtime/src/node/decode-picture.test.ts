import { deflateSync } from 'node:zlib';
import { encode as encodePng } from 'fast-png';
import { encode as encodeJpeg } from 'jpeg-js';
import { describe, expect, it } from 'vitest';
import { decodePicture } from './index.ts';

const rgba = (bytes: Uint8Array) => [...decodePicture(bytes).rgba];

/** A PNG file of the parts given, checksums and all. */
function pngOf(header: readonly number[], chunks: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const [width = 0, height = 0, depth = 8, colorType = 0, interlace = 0] = header;
  const ihdr = new Uint8Array(13);
  new DataView(ihdr.buffer).setUint32(0, width);
  new DataView(ihdr.buffer).setUint32(4, height);
  ihdr.set([depth, colorType, 0, 0, interlace], 8);
  const all = [['IHDR', ihdr] as const, ...chunks, ['IEND', new Uint8Array()] as const];
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    ...all.map(([type, data]) => chunkOf(type, data)),
  ]);
}

function chunkOf(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc(body), body.length + 4);
  return chunk;
}

function crc(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

const gray = (...values: number[]) => values.flatMap((value) => [value, value, value, 255]);

describe('decodePicture() of PNG', () => {
  it('reads RGBA, RGB, gray with alpha and gray', () => {
    const one = { width: 1, height: 2 };
    const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    expect(rgba(encodePng({ ...one, data: pixels, channels: 4 }))).toEqual([...pixels]);
    expect(rgba(encodePng({ ...one, data: pixels.subarray(0, 6), channels: 3 }))).toEqual([1, 2, 3, 255, 4, 5, 6, 255]);
    expect(rgba(encodePng({ ...one, data: pixels.subarray(0, 4), channels: 2 }))).toEqual([1, 1, 1, 2, 3, 3, 3, 4]);
    expect(rgba(encodePng({ ...one, data: pixels.subarray(0, 2), channels: 1 }))).toEqual(gray(1, 2));
  });

  it('cuts 16 bits to 8', () => {
    const data = Uint16Array.of(0, 0x12ff, 0xffff);
    expect(rgba(encodePng({ width: 3, height: 1, data, channels: 1, depth: 16 }))).toEqual(gray(0, 0x12, 0xff));
  });

  it('reads palettes, with their transparency, and packed bits', () => {
    const palette = Uint8Array.of(10, 20, 30, 40, 50, 60, 70, 80, 90);
    const rows = deflateSync(Uint8Array.of(0, 0b00_01_10_01, 0b10_00_00_00));
    const indexed = pngOf(
      [5, 1, 2, 3],
      [
        ['PLTE', palette],
        ['IDAT', rows],
      ],
    );
    expect(rgba(indexed)).toEqual([
      10, 20, 30, 255, 40, 50, 60, 255, 70, 80, 90, 255, 40, 50, 60, 255, 70, 80, 90, 255,
    ]);
    const clear = pngOf(
      [5, 1, 2, 3],
      [
        ['PLTE', palette],
        ['tRNS', Uint8Array.of(0, 128)],
        ['IDAT', rows],
      ],
    );
    expect(rgba(clear).filter((_, index) => index % 4 === 3)).toEqual([0, 128, 255, 128, 255]);
    const bits = pngOf([9, 2, 1, 0], [['IDAT', deflateSync(Uint8Array.of(0, 0b10100000, 0x80, 0, 0, 0))]]);
    expect(rgba(bits)).toEqual(gray(255, 0, 255, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  });

  it('makes a key colour transparent', () => {
    const keyed = pngOf(
      [2, 1, 8, 0],
      [
        ['tRNS', Uint8Array.of(0, 7)],
        ['IDAT', deflateSync(Uint8Array.of(0, 7, 9))],
      ],
    );
    expect(rgba(keyed)).toEqual([7, 7, 7, 0, 9, 9, 9, 255]);
  });

  it('ignores what is no pixel, and never inflates it', () => {
    const bomb = Buffer.concat([Buffer.from('profile\0\0', 'latin1'), deflateSync(new Uint8Array(1 << 24))]);
    const rows = deflateSync(Uint8Array.of(0, 5));
    expect(
      rgba(
        pngOf(
          [1, 1, 8, 0],
          [
            ['iCCP', bomb],
            ['tEXt', new Uint8Array(9)],
            ['IDAT', rows],
          ],
        ),
      ),
    ).toEqual(gray(5));
  });

  it('refuses more data than the header speaks of', () => {
    const bomb = pngOf([4, 4, 8, 0], [['IDAT', deflateSync(new Uint8Array(1 << 24))]]);
    expect(() => decodePicture(bomb)).toThrow(expect.objectContaining({ code: 'RUNTIME_PICTURE_INVALID' }));
  });
});

/** Red left, blue right: 16 × 8. */
const pixels = Uint8Array.from({ length: 16 * 8 * 4 }, (_, index) => {
  const right = (index >> 2) % 16 >= 8;
  return [right ? 0 : 255, 0, right ? 255 : 0, 255][index % 4] ?? 0;
});
const jpeg = new Uint8Array(encodeJpeg({ width: 16, height: 8, data: pixels }, 95).data);

/** The file with EXIF data that say how it is turned. */
function turned(orientation: number): Uint8Array {
  const exif = Buffer.from(
    `FFE1 0022 457869660000 4949 2A00 08000000 0100 1201 0300 01000000 0${orientation}000000 00000000`.replaceAll(
      ' ',
      '',
    ),
    'hex',
  );
  return Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2)]);
}

describe('decodePicture() of JPEG', () => {
  const isRed = (bytes: Uint8Array, x: number, y: number) => {
    const { width, rgba: values } = decodePicture(bytes);
    const [red = 0, , blue = 0] = values.subarray(4 * (y * width + x));
    return red > 200 && blue < 60;
  };

  it('reads pixels', () => {
    expect(decodePicture(jpeg)).toMatchObject({ width: 16, height: 8 });
    expect([isRed(jpeg, 1, 1), isRed(jpeg, 14, 6)]).toEqual([true, false]);
  });

  it('turns it upright', () => {
    expect([isRed(turned(3), 1, 1), isRed(turned(3), 14, 6)]).toEqual([false, true]);
    // 6: the camera lay on its right side; what is stored left is at the top.
    expect(decodePicture(turned(6))).toMatchObject({ width: 8, height: 16 });
    expect([isRed(turned(6), 4, 1), isRed(turned(6), 4, 14)]).toEqual([true, false]);
    expect([isRed(turned(8), 4, 1), isRed(turned(8), 4, 14)]).toEqual([false, true]);
  });
});

describe('decodePicture() of anything else', () => {
  const invalid = (bytes: Uint8Array, reason: string | RegExp) =>
    expect(() => decodePicture(bytes)).toThrow(
      expect.objectContaining({ code: 'RUNTIME_PICTURE_INVALID', message: expect.stringMatching(reason) }),
    );

  it('says that it is no picture', () => {
    invalid(new TextEncoder().encode('hello'), 'These 5 bytes are not a picture that can be read: they do not begin');
    invalid(new Uint8Array(), 'These 0 bytes');
  });

  it('says that a file is cut off or corrupt, wherever that is', () => {
    const png = encodePng({
      width: 8,
      height: 8,
      data: Uint8Array.from({ length: 256 }, (_, k) => k * 7),
      channels: 4,
    });
    for (let length = 8; length < png.length; length++) invalid(png.subarray(0, length), /./);
    const flipped = png.slice();
    flipped[50] = (flipped[50] ?? 0) ^ 0xff;
    invalid(flipped, /./);
    invalid(jpeg.subarray(0, 20), 'cut off');
    invalid(jpeg.subarray(0, jpeg.length >> 1), /./);
    invalid(pngOf([0, 5, 8, 0], [['IDAT', deflateSync(new Uint8Array(5))]]), '0×5');
  });

  it('refuses a size over the limit before it decodes', () => {
    const huge = pngOf([60_000, 60_000, 8, 6], []);
    expect(() => decodePicture(huge)).toThrow('The picture is 60000×60000 pixels and the limit is 50000000 in all');
    expect(() => decodePicture(jpeg, { maxPixels: 100 })).toThrow(
      expect.objectContaining({ code: 'RUNTIME_PICTURE_TOO_LARGE', details: { width: 16, height: 8, maxPixels: 100 } }),
    );
  });
});
