import { runtimeError } from '../errors.ts';
import { pad } from './fit-picture.ts';
import { flatten, type Raster } from './raster.ts';
import { asInk, type SketchInput } from './rasterise.ts';
import { type Box, resize } from './resize.ts';
import type { Picture } from './types.ts';

/** Ink below it is noise when its borders are looked for. */
const FAINT = 64;
/** Share of transparent pixels from which on they are the paper. */
const TRANSPARENT_SHARE = 0.05;
/** A drawing of the right size whose ink fills the page to within this share of it stays as it is. */
const FITTED = 0.12;

/**
 * A sketch input's pixels from a picture of a drawing. The paper is what is transparent, else the median of the rim, light or
 * dark; what differs from it is ink. The ink is cut out, scaled until its longer side fills `fit` of the page, centred, and
 * brightened to full; its lines are not redrawn. A picture that is fitted already keeps its pixels.
 *
 * @returns one channel, ink 255 on 0, or the reverse for black ink
 * @throws D3Error `RUNTIME_DRAWING_EMPTY` when nothing differs from the paper
 */
export function sketchFromPicture(picture: Picture, input: SketchInput): Raster {
  const ink = inkOf(picture);
  const borders = inkBorders(ink);
  if (borders === undefined) throw runtimeError('RUNTIME_DRAWING_EMPTY', { input: input.name });
  return asInk(isFitted(ink, borders, input) ? ink : fitInk(ink, borders, input), input);
}

/** How much ink is at each pixel, 0…255. */
function inkOf(picture: Picture): Raster {
  const { width, height, rgba } = picture;
  const alphas = Uint8Array.from({ length: width * height }, (_, index) => rgba[4 * index + 3] ?? 0);
  const transparent = alphas.reduce((count, alpha) => count + (alpha < 128 ? 1 : 0), 0);
  if (transparent > TRANSPARENT_SHARE * alphas.length) return { width, height, channels: 1, data: alphas };
  const gray = flatten(picture, 255, 'gray');
  const paper = rimMedian(gray);
  const sign = paper > 127 ? -1 : 1;
  return { ...gray, data: gray.data.map((value) => Math.max(0, sign * (value - paper))) };
}

function rimMedian({ width, height, data }: Raster): number {
  const rim: number[] = [];
  for (let column = 0; column < width; column++) {
    rim.push(data[column] ?? 0, data[(height - 1) * width + column] ?? 0);
  }
  for (let row = 0; row < height; row++) {
    rim.push(data[row * width] ?? 0, data[row * width + width - 1] ?? 0);
  }
  return rim.sort((a, b) => a - b)[rim.length >> 1] ?? 0;
}

function inkBorders({ width, height, data }: Raster): Box | undefined {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if ((data[row * width + column] ?? 0) < FAINT) continue;
      left = Math.min(left, column);
      right = Math.max(right, column + 1);
      top = Math.min(top, row);
      bottom = row + 1;
    }
  }
  return bottom === 0 ? undefined : { left, top, right, bottom };
}

function longerSide({ left, top, right, bottom }: Box): number {
  return Math.max(right - left, bottom - top);
}

function isFitted(ink: Raster, borders: Box, { width, height, fit, penPixels }: SketchInput): boolean {
  if (ink.width !== width || ink.height !== height) return false;
  const side = Math.min(width, height);
  const offCentre = Math.max(
    Math.abs((borders.left + borders.right) / 2 - width / 2),
    Math.abs((borders.top + borders.bottom) / 2 - height / 2),
  );
  return Math.abs((longerSide(borders) - penPixels) / side - fit) <= FITTED && offCentre / side <= FITTED;
}

function fitInk(ink: Raster, borders: Box, { width, height, fit, penPixels }: SketchInput): Raster {
  const target = Math.min(fit * Math.min(width, height) + penPixels, width, height);
  const scale = target / longerSide(borders);
  const along = (from: number, to: number) => Math.max(1, Math.floor((to - from) * scale + 0.5));
  const resized = resize(ink, {
    width: along(borders.left, borders.right),
    height: along(borders.top, borders.bottom),
    filter: 'bilinear',
    box: borders,
  });
  return pad(brighten(resized), { width, height, background: 0 });
}

function brighten(raster: Raster): Raster {
  const most = raster.data.reduce((max, amount) => Math.max(max, amount), 1);
  return { ...raster, data: raster.data.map((amount) => Math.floor((amount * 255) / most + 0.5)) };
}
