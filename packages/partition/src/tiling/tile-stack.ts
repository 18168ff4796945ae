import { area, hull, neededRange, type Range, type Region, splitByShares } from './ranges.ts';
import { type FeatureMap, type Stack, type StackLayer, verifyStack } from './stack.ts';

/** One layer of a tile. */
export interface TileLayer {
  readonly layer: string;
  /** The part of its output that is computed, in whole-map coordinates. */
  readonly output: Region;
  /** Per input, the part it reads: cut it out of what was computed of that tensor. */
  readonly inputs: readonly Region[];
  /** The tile's own padding: top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
}

/** One tile of a stack. */
export interface Tile {
  /** What it gives: its part of the last layer's output. */
  readonly output: Region;
  /** What it needs of the stack's input, halo included. */
  readonly input: Region;
  readonly layers: readonly TileLayer[];
  readonly flops: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

/** A stack cut into tiles. */
export interface Tiling {
  /** Row by row. */
  readonly tiles: readonly Tile[];
  /** FLOPs of all tiles over those of the whole: 1 when nothing is computed twice. */
  readonly redundancy: number;
  /** Input bytes that are sent more than once. */
  readonly haloBytes: number;
}

/** How to cut: shares of the height from top to bottom, and of the width from left to right. */
export interface Grid {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

/** A grid of equal tiles. */
export function equalGrid(rows: number, columns: number): Grid {
  return { rows: new Array<number>(rows).fill(1), columns: new Array<number>(columns).fill(1) };
}

/**
 * Cuts a stack into tiles whose outputs cover the last map exactly once (SPEC.md, V1 to V4).
 *
 * @throws PARTITION_STACK_INVALID; RangeError when the grid has more tiles than the map has rows or columns
 */
export function tileStack(stack: Stack, grid: Grid): Tiling {
  verifyStack(stack);
  const maps = new Map(stack.maps.map((map) => [map.name, map]));
  const last = mapOf(maps, stack.layers.at(-1)?.output ?? '');
  const rows = splitByShares(last.height, grid.rows);
  const columns = splitByShares(last.width, grid.columns);
  const tiles = rows.flatMap((row) => columns.map((column) => tileOf(stack, maps, { rows: row, columns: column })));
  const wholeFlops = stack.layers.reduce((sum, layer) => sum + layer.flops, 0);
  const tileFlops = tiles.reduce((sum, tile) => sum + tile.flops, 0);
  const inputBytes = tiles.reduce((sum, tile) => sum + tile.inputBytes, 0);
  return {
    tiles,
    redundancy: wholeFlops === 0 ? 1 : tileFlops / wholeFlops,
    haloBytes: Math.max(0, inputBytes - bytesOf(mapOf(maps, stack.input))),
  };
}

/** Composes what each layer needs, from the last to the first. */
function tileOf(stack: Stack, maps: ReadonlyMap<string, FeatureMap>, output: Region): Tile {
  const needed = new Map<string, Region>([[stack.layers.at(-1)?.output ?? '', output]]);
  const layers: TileLayer[] = [];
  let flops = 0;
  for (const layer of stack.layers.toReversed()) {
    const own = needed.get(layer.output);
    if (own === undefined) continue;
    const { inputs, pads } = neededOf(layer, maps, own);
    layer.inputs.forEach((name, index) => {
      const region = inputs[index];
      const known = needed.get(name);
      if (region !== undefined) needed.set(name, known === undefined ? region : union(known, region));
    });
    layers.push({ layer: layer.name, output: own, inputs, pads });
    const whole = mapOf(maps, layer.output);
    flops += (layer.flops * area(own)) / (whole.height * whole.width);
  }
  const input = needed.get(stack.input) ?? output;
  const outputMap = mapOf(maps, stack.layers.at(-1)?.output ?? '');
  return {
    output,
    input,
    layers: layers.reverse(),
    flops,
    inputBytes: bytesOf(mapOf(maps, stack.input), input),
    outputBytes: bytesOf(outputMap, output),
  };
}

function neededOf(
  layer: StackLayer,
  maps: ReadonlyMap<string, FeatureMap>,
  own: Region,
): Pick<TileLayer, 'inputs' | 'pads'> {
  let pads: TileLayer['pads'] = [0, 0, 0, 0];
  const along = (axis: 0 | 1, range: Range, size: number) =>
    neededRange(
      {
        kernel: layer.kernel[axis],
        stride: layer.stride[axis],
        dilation: layer.dilation[axis],
        padBegin: layer.pads[axis],
      },
      range,
      size,
    );
  const inputs = layer.inputs.map((name) => {
    const map = mapOf(maps, name);
    const rows = along(0, own.rows, map.height);
    const columns = along(1, own.columns, map.width);
    pads = [rows.padBegin, columns.padBegin, rows.padEnd, columns.padEnd];
    return { rows: { begin: rows.begin, end: rows.end }, columns: { begin: columns.begin, end: columns.end } };
  });
  return { inputs, pads };
}

function union(a: Region, b: Region): Region {
  return { rows: hull(a.rows, b.rows), columns: hull(a.columns, b.columns) };
}

function mapOf(maps: ReadonlyMap<string, FeatureMap>, name: string): FeatureMap {
  const map = maps.get(name);
  if (map === undefined) throw new RangeError(`No feature map '${name}': verifyStack() promised one`);
  return map;
}

function bytesOf(map: FeatureMap, region?: Region): number {
  return map.channels * map.elementBytes * (region === undefined ? map.height * map.width : area(region));
}
