import type { Picture } from '@d3/runtime';
import { decodePicture } from '@d3/runtime/node';
import { clientError } from '../errors.ts';
import type { PictureSource } from '../picture-source.ts';

/**
 * Pixels of a PNG or JPEG file in a `Blob`, or a copy of pixels shaped like an `ImageData`.
 *
 * @throws D3Error `CLIENT_PICTURE_UNREADABLE`, `RUNTIME_PICTURE_INVALID`, `RUNTIME_PICTURE_TOO_LARGE`
 */
export async function pictureOf(source: PictureSource): Promise<Picture> {
  if (source instanceof Blob) return decodePicture(new Uint8Array(await source.arrayBuffer()));
  if ('data' in source && source.data instanceof Uint8ClampedArray) {
    return { width: source.width, height: source.height, rgba: new Uint8ClampedArray(source.data) };
  }
  throw clientError('CLIENT_PICTURE_UNREADABLE', { problem: 'Node reads Blobs and pixels, no canvas or bitmap' });
}
