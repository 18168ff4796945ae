import { flatten, type Raster } from './raster.ts';
import { type Box, resize } from './resize.ts';
import type { Picture, SidecarInput } from './types.ts';

/** How an image input is described. */
export type ImageInput = Extract<SidecarInput, { kind: 'image' }>;

/**
 * A picture in an image input's size and colour: `cover` cuts off what juts out, evenly on both sides; `contain` shows all and
 * fills the rest with what transparent pixels are laid on; `stretch` ignores the aspect.
 */
export function fitPicture(picture: Picture, input: ImageInput): Raster {
  const background = input.alpha === 'white' ? 255 : 0;
  const source = flatten(picture, background, input.color);
  const { width, height } = input;
  const { fit, filter } = input.resize;
  if (fit === 'stretch') return resize(source, { width, height, filter });
  if (fit === 'cover') return resize(source, { width, height, filter, box: coverBox(source, input) });
  return pad(resize(source, { ...containSize(source, input), filter }), { width, height, background });
}

function coverBox(source: Raster, target: ImageInput): Box {
  const { width, height } = source;
  if (width * target.height > height * target.width) {
    const margin = (width - (height * target.width) / target.height) / 2;
    return { left: margin, top: 0, right: width - margin, bottom: height };
  }
  const margin = (height - (width * target.height) / target.width) / 2;
  return { left: 0, top: margin, right: width, bottom: height - margin };
}

function containSize(source: Raster, target: ImageInput): { width: number; height: number } {
  const wide = source.width * target.height > source.height * target.width;
  const along = (size: number, by: number, over: number) => Math.max(1, Math.floor((size * by) / over + 0.5));
  return wide
    ? { width: target.width, height: along(source.height, target.width, source.width) }
    : { width: along(source.width, target.height, source.height), height: target.height };
}

/** The page that {@link pad} lays a raster on. */
export interface Page {
  readonly width: number;
  readonly height: number;
  /** Value of every channel around it. */
  readonly background: number;
}

/** A raster in the middle of a larger page. */
export function pad(raster: Raster, { width, height, background }: Page): Raster {
  if (raster.width === width && raster.height === height) return raster;
  const { channels } = raster;
  const data = new Uint8Array(width * height * channels).fill(background);
  const left = Math.floor((width - raster.width) / 2);
  const top = Math.floor((height - raster.height) / 2);
  const rowBytes = raster.width * channels;
  for (let row = 0; row < raster.height; row++) {
    const to = ((top + row) * width + left) * channels;
    data.set(raster.data.subarray(row * rowBytes, (row + 1) * rowBytes), to);
  }
  return { width, height, channels, data };
}
