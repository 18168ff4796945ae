import type { GraphTensor, Layer, LayerGraph } from '@d3/partition';
import { type CostKind, costKind, type Spatial } from './cost-kind.ts';

const FLOAT_BYTES = 4;

/** What a layer's time depends on. */
export interface LayerCost {
  readonly kind: CostKind;
  readonly flops: number;
  /**
   * Of all tensors that it reads, each once; weights are not among them. For a dense convolution with a window, of the windows that are
   * gathered to make a matrix product of it: kernel width × height as many, over the stride.
   */
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly weightBytes: number;
}

/**
 * Kind of what a segment has beside its layers: the tensors that are handed to the backend and taken from it, as a cost of no FLOPs and
 * no weights. What a segment costs whatever crosses is its tier's `fixedMs`.
 */
export const BOUNDARY: CostKind = 'boundary';

/** A layer graph whose spatial layers may say their geometry, as a packed model's manifest does. */
export interface CostGraph extends LayerGraph {
  readonly layers: readonly (Layer & { readonly spatial?: Spatial })[];
  readonly tensors: readonly GraphTensor[];
}

/** What the time of each layer depends on, in the order of the graph's layers. A tensor that the graph lacks counts nothing. */
export function layerCosts(graph: CostGraph): LayerCost[] {
  const sizes = new Map(graph.tensors.map(({ name, bytes }) => [name, bytes]));
  const bytesOf = (names: readonly string[]) =>
    [...new Set(names)].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
  return graph.layers.map((layer) => {
    const inputBytes = bytesOf(layer.inputs);
    const outputBytes = bytesOf(layer.outputs);
    return layerCost({ ...layer, inputBytes, outputBytes });
  });
}

/** What the time of one layer depends on, given the bytes of the tensors that it reads and writes. */
export function layerCost(
  layer: Pick<Layer, 'kind' | 'flops' | 'weightBytes'> & {
    readonly spatial?: Spatial;
    readonly inputBytes: number;
    readonly outputBytes: number;
  },
): LayerCost {
  const { flops, outputBytes, weightBytes } = layer;
  const kind = costKind(layer, outputBytes);
  const inputBytes = kind === 'Conv/dense' ? gatheredBytes(layer) : layer.inputBytes;
  return { kind, flops, inputBytes, outputBytes, weightBytes };
}

/**
 * The product is of `m × k` weights and `k × n` gathered values, and gives `m × n`: so `k n = (m k n)² / (m k · m n)`, whatever the
 * padding and stride. Weights that are shared or too small to count make it unknown; then what is read counts as it is.
 */
function gatheredBytes(layer: Omit<LayerCost, 'kind'> & { readonly spatial?: Spatial }): number {
  const { flops, inputBytes, outputBytes, weightBytes, spatial } = layer;
  const products = flops / 2;
  if (weightBytes === 0 || outputBytes === 0) return inputBytes;
  const window = spatial === undefined ? 1 : spatial.kernel[0] * spatial.kernel[1];
  return Math.min((products ** 2 / (weightBytes * outputBytes)) * FLOAT_BYTES ** 3, inputBytes * window);
}

/**
 * What the time of a segment depends on: its layers, and last its {@link BOUNDARY}.
 *
 * @param layers - indices into the graph's layers
 */
export function segmentCosts(graph: CostGraph, layers: readonly number[]): LayerCost[] {
  const inside = new Set(layers);
  const made = new Set(layers.flatMap((at) => graph.layers[at]?.outputs ?? []));
  const read = new Set(layers.flatMap((at) => graph.layers[at]?.inputs ?? []));
  const readBeyond = new Set(graph.layers.flatMap(({ inputs }, at) => (inside.has(at) ? [] : inputs)));
  let inputBytes = 0;
  let outputBytes = 0;
  for (const { name, bytes, isOutput } of graph.tensors) {
    if (read.has(name) && !made.has(name)) inputBytes += bytes;
    if (made.has(name) && (isOutput || readBeyond.has(name))) outputBytes += bytes;
  }
  const all = layerCosts({ layers: layers.flatMap((at) => graph.layers[at] ?? []), tensors: graph.tensors });
  return [...all, { kind: BOUNDARY, flops: 0, inputBytes, outputBytes, weightBytes: 0 }];
}
