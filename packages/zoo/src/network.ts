import type { InitializerSpec, ModelSpec } from '@d3/onnx';
import type { LayerGraph } from '@d3/partition';

/** A published network: its ONNX graph without weight data, and the same graph as the planner sees it. */
export interface Network {
  readonly name: string;
  /** For `buildModel` of `@d3/onnx`. Weights are external, at {@link WEIGHTS_PATH}, one after the other. */
  readonly spec: ModelSpec;
  /** One layer per node. */
  readonly graph: LayerGraph;
  readonly weights: readonly NetworkWeight[];
  /** Trainable parameters, as the papers count them: running means and variances are not among them. */
  readonly parameters: number;
}

/** A weight of a network, of type float32. */
export interface NetworkWeight extends InitializerSpec {
  readonly role: 'kernel' | 'bias' | 'scale' | 'mean' | 'variance';
  /** Inputs that each output sums over; 1 where that means nothing. */
  readonly fanIn: number;
}

/** File that a network's weights are in, beside the model. */
export const WEIGHTS_PATH = 'weights.bin';
