import type { Picture } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type { PictureSource } from '../picture-source.ts';

const MAX_PIXELS = 64 * 1024 * 1024;

/**
 * Pixels of anything that a page calls a picture. Colours are taken as they are stored (no colour management), so that the
 * same file gives the same input everywhere.
 *
 * @throws D3Error `CLIENT_PICTURE_UNREADABLE`
 */
export async function pictureOf(source: PictureSource): Promise<Picture> {
  if (source instanceof ImageData)
    return { width: source.width, height: source.height, rgba: new Uint8ClampedArray(source.data) };
  const bitmap = source instanceof Blob ? await decode(source) : source;
  try {
    return pixelsOf(bitmap);
  } finally {
    if (source instanceof Blob) (bitmap as ImageBitmap).close();
  }
}

async function decode(blob: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch (cause) {
    const problem = `${blob.size} bytes of type '${blob.type}' cannot be decoded`;
    throw clientError('CLIENT_PICTURE_UNREADABLE', { problem }, { cause });
  }
}

function pixelsOf(source: ImageBitmap | HTMLCanvasElement | OffscreenCanvas): Picture {
  const { width, height }: Partial<ImageBitmap> = source ?? {};
  if (width === undefined || height === undefined || !(width * height > 0 && width * height <= MAX_PIXELS)) {
    throw clientError('CLIENT_PICTURE_UNREADABLE', { problem: `it has ${width}×${height} pixels` });
  }
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null) throw clientError('CLIENT_PICTURE_UNREADABLE', { problem: 'the browser gives no 2d canvas' });
  try {
    context.drawImage(source, 0, 0);
    return { width, height, rgba: new Uint8ClampedArray(context.getImageData(0, 0, width, height).data) };
  } catch (cause) {
    // No picture at all, or one with pixels of another origin.
    const problem = `the browser does not let it be read (${cause instanceof Error ? cause.message : cause})`;
    throw clientError('CLIENT_PICTURE_UNREADABLE', { problem }, { cause });
  }
}
