import { isD3Error } from '@d3/errors';
import { runtimeError } from '../errors.ts';
import type { Picture } from '../picture/types.ts';
import { decodeJpeg, isJpeg } from './picture-jpeg.ts';
import { decodePng, isPng } from './picture-png.ts';

/** What {@link decodePicture} accepts. */
export interface DecodeLimits {
  /** Width × height at most; checked before anything is decoded. Default 50 million. */
  readonly maxPixels?: number;
}

const MAX_PIXELS = 50_000_000;

/**
 * The pixels of a PNG file (any colour type and depth; 16 bits are cut to 8) or a JPEG file (turned upright as its EXIF data
 * say). It blocks the thread for some milliseconds a megapixel.
 *
 * @throws D3Error `RUNTIME_PICTURE_INVALID` for anything else, cut off or corrupt; `RUNTIME_PICTURE_TOO_LARGE`
 */
export function decodePicture(bytes: Uint8Array, limits: DecodeLimits = {}): Picture {
  const checkSize = (width: number, height: number): void => {
    const maxPixels = limits.maxPixels ?? MAX_PIXELS;
    if (width < 1 || height < 1) throw new Error(`it is ${width}×${height} pixels`);
    if (width * height > maxPixels) throw runtimeError('RUNTIME_PICTURE_TOO_LARGE', { width, height, maxPixels });
  };
  try {
    if (isPng(bytes)) return decodePng(bytes, checkSize);
    if (isJpeg(bytes)) return decodeJpeg(bytes, checkSize);
  } catch (error) {
    if (isD3Error(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw runtimeError('RUNTIME_PICTURE_INVALID', { bytes: bytes.length, reason }, { cause: error });
  }
  const reason = 'they do not begin as a PNG or a JPEG file does';
  throw runtimeError('RUNTIME_PICTURE_INVALID', { bytes: bytes.length, reason });
}
