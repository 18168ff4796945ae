import { runtimeError } from '../errors.ts';
import type { Raster } from './raster.ts';
import type { SidecarInput, Strokes } from './types.ts';

/** How a sketch input is described. */
export type SketchInput = Extract<SidecarInput, { kind: 'sketch' }>;

/** More are no drawing by hand, and would take seconds. */
const MAX_POINTS = 20_000;

type Point = readonly [x: number, y: number];

/**
 * Draws strokes as a sketch input wants them: the ink's longer side fills `fit` of the page's shorter one, its middle in the
 * page's; a round pen `penPixels` wide, antialiased by each pixel centre's distance to the nearest stretch of a stroke. A single
 * point is a dot.
 *
 * @returns one channel, ink 255 on 0, or the reverse for black ink
 * @throws D3Error `RUNTIME_DRAWING_EMPTY` without a point, `RUNTIME_INPUT_UNFIT` for numbers that are none, or too many
 */
export function rasterise(drawing: Strokes, input: SketchInput): Raster {
  checkStrokes(drawing, input.name);
  const page = new Page(input);
  for (const stroke of fitStrokes(drawing, input)) {
    stroke.forEach((end, index) => {
      if (index > 0 || stroke.length === 1) page.draw(stroke[index - 1] ?? end, end);
    });
  }
  return page.develop();
}

/** Ink amounts (255: full) as an input's ink: inverted where it is black. */
export function asInk(raster: Raster, input: SketchInput): Raster {
  return input.ink === 'white' ? raster : { ...raster, data: raster.data.map((amount) => 255 - amount) };
}

function checkStrokes({ strokes }: Strokes, input: string): void {
  let points = 0;
  for (const point of strokes.flat()) {
    points += 1;
    if (point.length !== 2 || !point.every(Number.isFinite)) {
      throw runtimeError('RUNTIME_INPUT_UNFIT', { input, reason: `point [${point}] is not two finite numbers` });
    }
  }
  if (points === 0) throw runtimeError('RUNTIME_DRAWING_EMPTY', { input });
  if (points > MAX_POINTS) {
    const reason = `it has ${points} points and the limit is ${MAX_POINTS}: thin it out`;
    throw runtimeError('RUNTIME_INPUT_UNFIT', { input, reason });
  }
}

/** The strokes in pixels of the page. */
function fitStrokes({ strokes }: Strokes, { width, height, fit }: SketchInput): Point[][] {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of strokes.flat()) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  // All in one point: any scale will do.
  const longer = Math.max(right - left, bottom - top) || 1;
  const scale = (fit * Math.min(width, height)) / longer;
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
  return strokes.map((stroke) =>
    stroke.map(([x, y]): Point => [(x - middleX) * scale + width / 2, (y - middleY) * scale + height / 2]),
  );
}

class Page {
  readonly #input: SketchInput;
  /** Squared distance of each pixel's centre to the nearest ink. */
  readonly #squares: Float64Array;

  constructor(input: SketchInput) {
    this.#input = input;
    this.#squares = new Float64Array(input.width * input.height).fill(Infinity);
  }

  draw(start: Point, end: Point): void {
    const { width, height, penPixels } = this.#input;
    const reach = penPixels / 2 + 1;
    const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
    const lengthSquare = dx * dx + dy * dy;
    const firstRow = Math.max(0, Math.floor(Math.min(start[1], end[1]) - reach));
    const lastRow = Math.min(height - 1, Math.floor(Math.max(start[1], end[1]) + reach));
    const firstColumn = Math.max(0, Math.floor(Math.min(start[0], end[0]) - reach));
    const lastColumn = Math.min(width - 1, Math.floor(Math.max(start[0], end[0]) + reach));
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = firstColumn; column <= lastColumn; column++) {
        const [x, y] = [column + 0.5 - start[0], row + 0.5 - start[1]];
        const along = lengthSquare === 0 ? 0 : Math.min(1, Math.max(0, (x * dx + y * dy) / lengthSquare));
        const [offX, offY] = [x - along * dx, y - along * dy];
        const index = row * width + column;
        this.#squares[index] = Math.min(this.#squares[index] ?? Infinity, offX * offX + offY * offY);
      }
    }
  }

  develop(): Raster {
    const { width, height, penPixels } = this.#input;
    const data = new Uint8Array(this.#squares.length);
    for (let index = 0; index < data.length; index++) {
      const coverage = penPixels / 2 + 0.5 - Math.sqrt(this.#squares[index] ?? Infinity);
      data[index] = Math.floor(Math.min(1, Math.max(0, coverage)) * 255 + 0.5);
    }
    return asInk({ width, height, channels: 1, data }, this.#input);
  }
}
