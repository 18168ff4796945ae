import type { GraphTensor, Layer, LayerGraph } from '@d3/partition';
import { type CostKind, costKind, type Spatial } from './cost-kind.ts';

/** What a layer's time depends on. */
export interface LayerCost {
  readonly kind: CostKind;
  readonly flops: number;
  /** Of all tensors that it reads, each once; weights are not among them. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly weightBytes: number;
}

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
    const { flops, weightBytes } = layer;
    return { kind: costKind(layer, outputBytes), flops, inputBytes, outputBytes, weightBytes };
  });
}
