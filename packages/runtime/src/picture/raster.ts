import type { Picture, SidecarInput } from './types.ts';

/** 8-bit pixels, row-major, channels interleaved. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** What an image input's pixels are made of. */
export type ImageColor = Extract<SidecarInput, { kind: 'image' }>['color'];

/** Channels of a colour. */
export function channelsOf(color: ImageColor): 1 | 3 {
  return color === 'RGB' || color === 'BGR' ? 3 : 1;
}

/**
 * Lays a picture on a background and brings it into a colour; integer arithmetic only. `gray` and `luma` are ITU-R 601 luma
 * over the full range, (19595 R + 38470 G + 7471 B + 32768) / 65536, which leaves greys as they are.
 *
 * @param background - grey value under transparent pixels, 0…255
 */
export function flatten(picture: Picture, background: number, color: ImageColor): Raster {
  const { width, height, rgba } = picture;
  const channels = channelsOf(color);
  const data = new Uint8Array(width * height * channels);
  const [first, last] = color === 'BGR' ? [2, 0] : [0, 2];
  for (let from = 0, to = 0; to < data.length; from += 4, to += channels) {
    const alpha = rgba[from + 3] ?? 0;
    const red = lay(rgba[from] ?? 0, alpha, background);
    const green = lay(rgba[from + 1] ?? 0, alpha, background);
    const blue = lay(rgba[from + 2] ?? 0, alpha, background);
    if (channels === 1) {
      data[to] = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
    } else {
      data[to + first] = red;
      data[to + 1] = green;
      data[to + last] = blue;
    }
  }
  return { width, height, channels, data };
}

function lay(value: number, alpha: number, background: number): number {
  return alpha === 255 ? value : ((value * alpha + background * (255 - alpha) + 127) / 255) | 0;
}
