import { Random } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import {
  bordersOf,
  chooseTiling,
  equalGrid,
  type FeatureMap,
  type Region,
  type Stack,
  type StackLayer,
  type Tile,
  tileStack,
} from '../index.ts';

/** A map of whole numbers, one channel: sums are exact, so tiles must agree to the bit. */
type Values = { readonly height: number; readonly width: number; readonly at: (row: number, column: number) => number };

const CASES = 10_000;
/** One stack in so many is a larger one. */
const LARGER = 50;

function mapOf(name: string, height: number, width: number): FeatureMap {
  return { name, channels: 1, height, width, elementBytes: 4 };
}

/** A random stack of convolutions (sums with position weights), max pools and residual adds. */
function randomStack(random: Random, [least, most]: readonly [number, number]): Stack {
  const layers: StackLayer[] = [];
  const maps = [mapOf('x', random.integer(least, most), random.integer(least, most))];
  const window = (kind: string, input: string, name: string): boolean => {
    const from = maps.find((map) => map.name === input);
    if (from === undefined) throw new Error(input);
    const kernel = [random.integer(1, 4), random.integer(1, 4)] as const;
    const dilation = kind === 'Conv' ? ([random.integer(1, 2), random.integer(1, 2)] as const) : ([1, 1] as const);
    const stride = [random.integer(1, 2), random.integer(1, 2)] as const;
    const extent = kernel.map((size, axis) => (dilation[axis] ?? 1) * (size - 1) + 1);
    const pad = (axis: number) => random.integer(0, Math.min(2, (extent[axis] ?? 1) - 1));
    const pads = [pad(0), pad(1), pad(0), pad(1)] as const;
    const size = (axis: 0 | 1, length: number) =>
      Math.floor((length + pads[axis] + pads[(axis + 2) as 2 | 3] - (extent[axis] ?? 1)) / stride[axis]) + 1;
    const [height, width] = [size(0, from.height), size(1, from.width)];
    if (height < 4 || width < 4) return false;
    maps.push(mapOf(name, height, width));
    layers.push({ name, kind, inputs: [input], output: name, kernel, stride, dilation, pads, flops: height * width });
    return true;
  };
  let last = 'x';
  for (let depth = random.integer(1, 5); depth > 0; depth--) {
    const name = `l${layers.length}`;
    if (random.chance(0.4)) {
      const same = { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1] } as const;
      const { height = 1, width = 1 } = maps.find((map) => map.name === last) ?? {};
      maps.push(mapOf(`${name}a`, height, width), mapOf(name, height, width));
      layers.push({
        name: `${name}a`,
        kind: 'Conv',
        inputs: [last],
        output: `${name}a`,
        ...same,
        flops: height * width,
      });
      const point = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0] } as const;
      layers.push({ name, kind: 'Add', inputs: [`${name}a`, last], output: name, ...point, flops: height * width });
    } else if (!window(random.pick(['Conv', 'MaxPool']), last, name)) continue;
    last = name;
  }
  if (layers.length === 0) window('Conv', 'x', 'l0');
  return layers.length === 0 ? randomStack(random, [least, most]) : { layers, maps, input: 'x' };
}

/** Computes one output element; `read` gives null outside the map or tile, where padding is. */
function compute(
  layer: StackLayer,
  read: readonly ((row: number, column: number) => number | null)[],
  top: number,
  left: number,
): number {
  if (layer.kind === 'Add') return read.reduce((sum, input) => sum + (input(top, left) ?? 0), 0);
  let result = layer.kind === 'MaxPool' ? Number.NEGATIVE_INFINITY : 0;
  for (let row = 0; row < layer.kernel[0]; row++) {
    for (let column = 0; column < layer.kernel[1]; column++) {
      const value = read[0]?.(top + row * layer.dilation[0], left + column * layer.dilation[1]) ?? null;
      if (value === null) continue;
      if (layer.kind === 'MaxPool') result = Math.max(result, value);
      else result += value * (row * 7 + column * 3 - 5);
    }
  }
  return Math.trunc(result) % 100_003;
}

function runWhole(stack: Stack, input: Values): Values {
  const values = new Map([[stack.input, input]]);
  for (const layer of stack.layers) {
    const map = stack.maps.find((other) => other.name === layer.output);
    if (map === undefined) throw new Error(layer.output);
    const read = layer.inputs.map((name) => bounded(values.get(name)));
    const data = grid(map.height, map.width, (row, column) =>
      compute(layer, read, row * layer.stride[0] - layer.pads[0], column * layer.stride[1] - layer.pads[1]),
    );
    values.set(layer.output, data);
  }
  return values.get(stack.layers.at(-1)?.output ?? '') ?? input;
}

/** Runs one tile by its regions and pads alone: every tensor is a cut-out with coordinates from 0. */
function runTile(stack: Stack, tile: ReturnType<typeof tileStack>['tiles'][number], input: Values): Values {
  const cut = (from: Values, origin: Region, region: Region): Values =>
    grid(region.rows.end - region.rows.begin, region.columns.end - region.columns.begin, (row, column) =>
      from.at(row + region.rows.begin - origin.rows.begin, column + region.columns.begin - origin.columns.begin),
    );
  const whole = { rows: { begin: 0, end: input.height }, columns: { begin: 0, end: input.width } };
  const values = new Map([[stack.input, { region: tile.input, data: cut(input, whole, tile.input) }]]);
  let last = input;
  for (const { layer: name, output, inputs, pads } of tile.layers) {
    const layer = stack.layers.find((other) => other.name === name);
    if (layer === undefined) throw new Error(name);
    const read = layer.inputs.map((input, index) => {
      const from = values.get(input);
      const region = inputs[index];
      if (from === undefined || region === undefined) throw new Error(input);
      return bounded(cut(from.data, from.region, region));
    });
    const [height, width] = [output.rows.end - output.rows.begin, output.columns.end - output.columns.begin];
    last = grid(height, width, (row, column) =>
      compute(layer, read, row * layer.stride[0] - pads[0], column * layer.stride[1] - pads[1]),
    );
    values.set(layer.output, { region: output, data: last });
  }
  return last;
}

function bounded(values: Values | undefined): (row: number, column: number) => number | null {
  if (values === undefined) throw new Error('no values');
  const { height, width, at } = values;
  return (row, column) => (row < 0 || column < 0 || row >= height || column >= width ? null : at(row, column));
}

function grid(height: number, width: number, value: (row: number, column: number) => number): Values {
  const data = Array.from({ length: height * width }, (_, index) => value(Math.floor(index / width), index % width));
  return {
    height,
    width,
    at: (row, column) => {
      const found = data[row * width + column];
      if (found === undefined || row < 0 || column < 0 || column >= width)
        throw new RangeError(`(${row}, ${column}) is outside`);
      return found;
    },
  };
}

/** Where a tile's values are not those of the whole at its place. */
function firstDifference(part: Values, whole: Values, { rows, columns }: Tile['output']): string | undefined {
  for (let row = 0; row < part.height; row++) {
    for (let column = 0; column < part.width; column++) {
      if (part.at(row, column) !== whole.at(row + rows.begin, column + columns.begin)) return `(${row}, ${column})`;
    }
  }
  return undefined;
}

describe('tileStack()', () => {
  it(`gives the whole's values exactly, run tile by tile, on ${CASES} random stacks (V1 to V4)`, () => {
    for (let seed = 0; seed < CASES; seed++) {
      const random = new Random(600_000 + seed);
      const stack = randomStack(random, seed % LARGER === 0 ? [12, 30] : [5, 9]);
      const first = stack.maps[0];
      const input = grid(first?.height ?? 1, first?.width ?? 1, () => random.integer(-50, 50));
      const whole = runWhole(stack, input);
      const shares = (length: number) => Array.from({ length }, () => random.between(0.5, 2));
      const tiling = tileStack(stack, { rows: shares(random.integer(1, 3)), columns: shares(random.integer(1, 3)) });
      let elements = 0;
      for (const tile of tiling.tiles) {
        const part = runTile(stack, tile, input);
        const fault = firstDifference(part, whole, tile.output);
        if (fault !== undefined) expect.fail(`seed ${seed}: ${fault} of a tile differs`);
        elements += part.height * part.width;
      }
      const complete = elements === whole.height * whole.width && tiling.haloBytes >= 0;
      if (!complete) expect.fail(`seed ${seed}: ${elements} elements, ${tiling.haloBytes} halo bytes`);
    }
  });

  it('reports redundancy and halo: two halves of one 3 × 3 convolution share two rows', () => {
    const conv: StackLayer = {
      name: 'c',
      kind: 'Conv',
      inputs: ['x'],
      output: 'y',
      kernel: [3, 3],
      stride: [1, 1],
      dilation: [1, 1],
      pads: [1, 1, 1, 1],
      flops: 100,
    };
    const stack = { layers: [conv], maps: [mapOf('x', 10, 10), mapOf('y', 10, 10)], input: 'x' };
    const tiling = tileStack(stack, equalGrid(2, 1));
    expect(tiling.redundancy).toBe(1);
    expect(tiling.haloBytes).toBe(2 * 10 * 4);
    expect(tiling.tiles[0]?.layers[0]?.pads).toEqual([1, 1, 0, 1]);
    expect(tiling.tiles[1]?.layers[0]?.pads).toEqual([0, 1, 1, 1]);
  });

  it.each([
    ['AveragePool', { ceilMode: true, countIncludePad: true }, /count_include_pad/],
    ['Conv', { pads: [3, 1, 1, 1] as const }, /pads are as large as its kernel/],
    ['InstanceNormalization', {}, /looks at the whole map/],
  ])('refuses %s %o (V5)', (kind, changes, text) => {
    const layer: StackLayer = {
      name: 'bad',
      kind,
      inputs: ['x'],
      output: 'y',
      kernel: [3, 3],
      stride: [1, 1],
      dilation: [1, 1],
      pads: [1, 1, 1, 1],
      flops: 1,
      ...changes,
    };
    expect(() =>
      tileStack({ layers: [layer], maps: [mapOf('x', 9, 9), mapOf('y', 9, 9)], input: 'x' }, equalGrid(2, 1)),
    ).toThrow(text);
  });
});

describe('chooseTiling()', () => {
  const deep = (): Stack => {
    const layers = Array.from(
      { length: 6 },
      (_, index): StackLayer => ({
        name: `c${index}`,
        kind: 'Conv',
        inputs: [index === 0 ? 'x' : `m${index - 1}`],
        output: `m${index}`,
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        pads: [1, 1, 1, 1],
        flops: 1e6,
      }),
    );
    return {
      layers,
      maps: ['x', ...layers.map((layer) => layer.output)].map((name) => mapOf(name, 16, 16)),
      input: 'x',
    };
  };
  const node = { flopsPerMs: 1e4, bytesPerMs: Number.POSITIVE_INFINITY, fixedMs: 0 };

  it('re-splits often when sending is free, fuses when it is dear, and stays whole when it is too dear', () => {
    const stages = (bytesPerMs: number, fixedMs: number) =>
      chooseTiling(deep(), [node, { ...node, bytesPerMs, fixedMs }]).stages;
    expect(stages(1e9, 0).length).toBe(6);
    expect(stages(1e9, 40).length).toBeLessThan(4);
    expect(stages(1, 1000).every((stage) => stage.grid === null)).toBe(true);
  });

  it('gives the faster node the larger share', () => {
    const plan = chooseTiling(deep(), [node, { ...node, flopsPerMs: 3e4, fixedMs: 0.1 }]);
    expect(plan.ms).toBeLessThan(plan.wholeMs / 3);
    const [stage] = plan.stages;
    expect(stage?.grid?.rows).toEqual([1e4, 3e4]);
  });

  it('finds borders that one tensor crosses: none inside a residual block', () => {
    const point = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], flops: 1 } as const;
    const layers: StackLayer[] = [
      { name: 'a', kind: 'Conv', inputs: ['x'], output: 'a', ...point },
      { name: 'b', kind: 'Conv', inputs: ['a'], output: 'b', ...point },
      { name: 'c', kind: 'Add', inputs: ['b', 'a'], output: 'c', ...point },
      { name: 'd', kind: 'Relu', inputs: ['c'], output: 'd', ...point },
    ];
    expect(bordersOf({ layers, maps: [], input: 'x' })).toEqual([0, 1, 3, 4]);
  });
});
