import { decode } from 'jpeg-js';
import type { Picture } from '../picture/types.ts';
import type { CheckSize } from './picture-png.ts';

/** What its decoder may allocate for tables and planes, over and above the pixels. */
const DECODER_MEGABYTES = 2048;

/** Whether the bytes begin as a JPEG file does. */
export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** Decodes a JPEG file and turns it upright; any failure is an Error that says why. */
export function decodeJpeg(bytes: Uint8Array, checkSize: CheckSize): Picture {
  const { width, height, orientation } = readHead(bytes);
  checkSize(width, height);
  const decoded = decode(bytes, {
    useTArray: true,
    formatAsRGBA: true,
    tolerantDecoding: false,
    maxResolutionInMP: (width * height) / 1e6 + 1,
    maxMemoryUsageInMB: DECODER_MEGABYTES,
  });
  const rgba = new Uint8ClampedArray(decoded.data);
  return turnUpright({ width: decoded.width, height: decoded.height, rgba }, orientation);
}

interface Head {
  readonly width: number;
  readonly height: number;
  /** EXIF orientation, 1 (upright) to 8. */
  readonly orientation: number;
}

/** Reads markers up to the frame header. */
function readHead(bytes: Uint8Array): Head {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation = 1;
  let at = 2;
  while (at + 9 < bytes.length) {
    const marker = view.getUint16(at);
    if (marker === 0xffff) {
      at += 1;
      continue;
    }
    if (marker >> 8 !== 0xff) throw new Error(`byte ${at} is not a marker`);
    const isFrame = marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker);
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), orientation };
    const end = at + 2 + view.getUint16(at + 2);
    if (marker === 0xffe1) orientation = exifOrientation(bytes.subarray(at + 4, end)) ?? orientation;
    at = end;
  }
  throw new Error('the file is cut off before its size');
}

const ORIENTATION_TAG = 0x0112;

/** The orientation in an APP1 segment, if it is EXIF data with one. */
function exifOrientation(segment: Uint8Array): number | undefined {
  if (String.fromCharCode(...segment.subarray(0, 6)) !== 'Exif\0\0') return undefined;
  const view = new DataView(segment.buffer, segment.byteOffset + 6, segment.byteLength - 6);
  try {
    const little = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, little);
    for (let entry = 0; entry < view.getUint16(directory, little); entry++) {
      const at = directory + 2 + entry * 12;
      if (view.getUint16(at, little) === ORIENTATION_TAG) return view.getUint16(at + 8, little);
    }
  } catch {
    // Broken EXIF data say nothing; the picture may be whole.
  }
  return undefined;
}

/** For each orientation but 1: whether the axes are swapped, then whether each source axis runs backwards. */
const TURNS: Readonly<Record<number, readonly [swapped: boolean, flipX: boolean, flipY: boolean]>> = {
  2: [false, true, false],
  3: [false, true, true],
  4: [false, false, true],
  5: [true, false, false],
  6: [true, false, true],
  7: [true, true, true],
  8: [true, true, false],
};

function turnUpright(picture: Picture, orientation: number): Picture {
  const turn = TURNS[orientation];
  if (turn === undefined) return picture;
  const [swapped, flipX, flipY] = turn;
  const [width, height] = swapped ? [picture.height, picture.width] : [picture.width, picture.height];
  const from = new Uint32Array(picture.rgba.buffer, picture.rgba.byteOffset, width * height);
  const to = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = swapped ? [y, x] : [x, y];
      const column = flipX ? picture.width - 1 - u : u;
      const row = flipY ? picture.height - 1 - v : v;
      to[y * width + x] = from[row * picture.width + column] ?? 0;
    }
  }
  return { width, height, rgba: new Uint8ClampedArray(to.buffer) };
}
