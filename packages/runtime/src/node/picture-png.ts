import { inflateSync } from 'node:zlib';
import { convertIndexedToRgb, type DecodedPng, decode } from 'fast-png';
import type { Picture } from '../picture/types.ts';

/** Refuses a size, by throwing. */
export type CheckSize = (width: number, height: number) => void;

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** All that pixels depend on; the rest may hide compressed text of any size. */
const CHUNKS = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Whether the bytes begin as a PNG file does. */
export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, index) => bytes[index] === byte);
}

/** Decodes a PNG file; any failure is an Error that says why. */
export function decodePng(bytes: Uint8Array, checkSize: CheckSize): Picture {
  const chunks = readChunks(bytes);
  const header = chunks.find(({ type }) => type === 'IHDR')?.data;
  if (chunks[0]?.data !== header || header?.length !== 13) throw new Error('its header is missing');
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  checkSize(width, height);
  checkData(chunks, { width, height, depth: view.getUint8(8), channels: CHANNELS[view.getUint8(9)] ?? 4 });
  const kept = chunks.filter(({ type }) => CHUNKS.has(type)).map(({ raw }) => raw);
  return toRgba(decode(Buffer.concat([Uint8Array.from(SIGNATURE), ...kept]), { checkCrc: true }));
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** With length, type and checksum. */
  readonly raw: Uint8Array;
}

function readChunks(bytes: Uint8Array): readonly Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  let at = SIGNATURE.length;
  while (chunks.at(-1)?.type !== 'IEND') {
    if (at + 12 > bytes.length) throw new Error('the file is cut off');
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) throw new Error('the file is cut off');
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    chunks.push({ type, data: bytes.subarray(at + 8, end - 4), raw: bytes.subarray(at, end) });
    at = end;
  }
  return chunks;
}

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly channels: number;
}

/** A small file may inflate to gigabytes: no more than the header speaks of. */
function checkData(chunks: readonly Chunk[], { width, height, depth, channels }: Layout): void {
  const rowBytes = Math.ceil((width * depth * channels) / 8) + 1;
  // Interlacing splits the rows seven ways, each with a filter byte and a rounded end.
  const most = rowBytes * height + 7 * (height * 2 + 8) * 2;
  const data = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map((chunk) => chunk.data));
  inflateSync(data, { maxOutputLength: most });
}

function toRgba(png: DecodedPng): Picture {
  const { width, height } = png;
  const area = width * height;
  const { samples, channels } = samplesOf(png);
  if (samples.length !== area * channels) {
    throw new Error(
      `it has ${samples.length} values for ${area} pixels (interlaced files need 8 bits a value or more)`,
    );
  }
  const rgba = new Uint8ClampedArray(area * 4);
  const [green, blue] = channels < 3 ? [0, 0] : [1, 2];
  const hasAlpha = channels === 2 || channels === 4;
  for (let pixel = 0; pixel < area; pixel++) {
    const from = pixel * channels;
    rgba[4 * pixel] = samples[from] ?? 0;
    rgba[4 * pixel + 1] = samples[from + green] ?? 0;
    rgba[4 * pixel + 2] = samples[from + blue] ?? 0;
    rgba[4 * pixel + 3] = hasAlpha ? (samples[from + channels - 1] ?? 0) : 255;
  }
  if (png.palette === undefined && png.transparency !== undefined) clearKeyColor(rgba, png);
  return { width, height, rgba };
}

/** The file's values as 8 bits each, palette and packed bits resolved. */
function samplesOf(png: DecodedPng): { readonly samples: Uint8Array | Uint8ClampedArray; readonly channels: number } {
  const { palette, depth, channels, data } = png;
  if (palette !== undefined) return { samples: convertIndexedToRgb(png), channels: palette[0]?.length ?? 3 };
  if (depth === 16) return { samples: Uint8Array.from(data, (value) => value >> 8), channels };
  if (depth === 8) return { samples: data as Uint8Array, channels };
  const most = (1 << depth) - 1;
  return { samples: rawValues(png).map((value) => Math.floor((value * 255) / most + 0.5)), channels };
}

/** Gray values of fewer than 8 bits, one an element; each row begins on a byte. */
function rawValues({ width, height, depth, data }: DecodedPng): Uint8Array {
  if (depth >= 8) return data as Uint8Array;
  const rowBytes = Math.ceil((width * depth) / 8);
  const perByte = 8 / depth;
  const values = new Uint8Array(width * height);
  for (let index = 0; index < values.length; index++) {
    const column = index % width;
    const byte = data[Math.floor(index / width) * rowBytes + Math.floor(column / perByte)] ?? 0;
    values[index] = (byte >> (8 - depth * ((column % perByte) + 1))) & ((1 << depth) - 1);
  }
  return values;
}

/** Gray and RGB files may name one value as transparent. */
function clearKeyColor(rgba: Uint8ClampedArray, png: DecodedPng): void {
  const { channels, transparency } = png;
  const values = channels === 1 && png.depth < 8 ? rawValues(png) : png.data;
  const key = [...(transparency ?? [])].slice(0, channels);
  if (key.length !== channels) return;
  for (let pixel = 0; pixel * 4 < rgba.length; pixel++) {
    if (key.every((value, channel) => values[pixel * channels + channel] === value)) rgba[4 * pixel + 3] = 0;
  }
}
