import type { Stack } from './stack.ts';
import { equalGrid, type Grid, tileStack } from './tile-stack.ts';

/** A machine that runs tiles. */
export interface TileNode {
  readonly flopsPerMs: number;
  /** Rate of its link to the node that hands out tiles, each way; `Infinity` for that node itself. */
  readonly bytesPerMs: number;
  /** Cost of handing it one tile: a round trip, a dispatch. */
  readonly fixedMs: number;
}

/** A run of layers that is handled alike. */
export interface TiledStage {
  /** Layers `from` up to, not including, `to`. */
  readonly from: number;
  readonly to: number;
  /** Null: whole, on the first node. */
  readonly grid: Grid | null;
  readonly ms: number;
  readonly redundancy: number;
  readonly haloBytes: number;
}

/** How to run a stack on several nodes. */
export interface TilingPlan {
  readonly stages: readonly TiledStage[];
  readonly ms: number;
  /** The whole stack on the first node alone. */
  readonly wholeMs: number;
}

/**
 * Chooses how deep to fuse and how to cut (SPEC.md, section 7): deep stacks send less but compute more twice. Every run of
 * layers between two borders that a single tensor crosses may be one stage, whole or tiled in strips or a grid, with shares
 * by the nodes' speeds; the cheapest sequence of stages is found by dynamic programming. Time follows FLOPs.
 *
 * @param nodes - the first hands out the tiles
 * @throws PARTITION_STACK_INVALID
 */
export function chooseTiling(stack: Stack, nodes: readonly TileNode[]): TilingPlan {
  const borders = bordersOf(stack);
  const wholeMs = stack.layers.reduce((sum, layer) => sum + layer.flops, 0) / (nodes[0]?.flopsPerMs ?? 1);
  const best: { ms: number; stages: readonly TiledStage[] }[] = [{ ms: 0, stages: [] }];
  for (let end = 1; end < borders.length; end++) {
    let least = { ms: Number.POSITIVE_INFINITY, stages: [] as readonly TiledStage[] };
    for (let begin = 0; begin < end; begin++) {
      const before = best[begin];
      if (before === undefined || before.ms >= least.ms) continue;
      const stage = bestStage(stack, nodes, { from: borders[begin] ?? 0, to: borders[end] ?? 0 });
      if (before.ms + stage.ms < least.ms) least = { ms: before.ms + stage.ms, stages: [...before.stages, stage] };
    }
    best.push(least);
  }
  const { ms, stages } = best.at(-1) ?? { ms: wholeMs, stages: [] };
  return { stages, ms, wholeMs };
}

/** Positions between layers that only one tensor crosses, the ends included. */
export function bordersOf(stack: Stack): number[] {
  const lastReader = new Map<string, number>();
  stack.layers.forEach((layer, index) => {
    for (const input of layer.inputs) lastReader.set(input, index);
  });
  const borders = [0];
  let furthest = lastReader.get(stack.input) ?? -1;
  stack.layers.forEach((layer, index) => {
    if (furthest <= index) borders.push(index + 1);
    furthest = Math.max(furthest, lastReader.get(layer.output) ?? -1);
  });
  if (borders.at(-1) !== stack.layers.length) borders.push(stack.layers.length);
  return borders;
}

/** The layers from one border to another, as a stack of its own. */
export function partOf(stack: Stack, { from, to }: { readonly from: number; readonly to: number }): Stack {
  return {
    layers: stack.layers.slice(from, to),
    maps: stack.maps,
    input: stack.layers[from]?.inputs[0] ?? stack.input,
  };
}

function bestStage(stack: Stack, nodes: readonly TileNode[], { from, to }: { from: number; to: number }): TiledStage {
  const part = partOf(stack, { from, to });
  const flops = part.layers.reduce((sum, layer) => sum + layer.flops, 0);
  let best: TiledStage = { from, to, grid: null, ms: flops / (nodes[0]?.flopsPerMs ?? 1), redundancy: 1, haloBytes: 0 };
  const last = part.maps.find((map) => map.name === part.layers.at(-1)?.output);
  for (const { grid, users } of gridsFor(nodes)) {
    if (last === undefined || grid.rows.length > last.height || grid.columns.length > last.width) continue;
    const { tiles, redundancy, haloBytes } = tileStack(part, grid);
    const times = tiles.map((tile, index) => tileMs(tile, users[index] ?? users[0]));
    const ms = Math.max(...times);
    if (ms < best.ms) best = { from, to, grid, ms, redundancy, haloBytes };
  }
  return best;
}

function tileMs(tile: { flops: number; inputBytes: number; outputBytes: number }, node: TileNode | undefined): number {
  if (node === undefined) return Number.POSITIVE_INFINITY;
  return tile.flops / node.flopsPerMs + (tile.inputBytes + tile.outputBytes) / node.bytesPerMs + node.fixedMs;
}

/** Strips and grids over the first 2, 3 … nodes. Rows of a strip are shared by speed; a grid is equal, one tile a node. */
function gridsFor(nodes: readonly TileNode[]): { grid: Grid; users: readonly TileNode[] }[] {
  const found: { grid: Grid; users: readonly TileNode[] }[] = [];
  for (let count = 2; count <= nodes.length; count++) {
    const users = nodes.slice(0, count);
    found.push({ grid: { rows: users.map((node) => node.flopsPerMs), columns: [1] }, users });
    for (let rows = 2; rows * 2 <= count; rows++) {
      if (count % rows !== 0) continue;
      found.push({ grid: equalGrid(rows, count / rows), users });
    }
  }
  return found;
}
