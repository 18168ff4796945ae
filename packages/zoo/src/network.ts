import type { InitializerSpec, ModelSpec } from '@d3/onnx';
import type { LayerGraph } from '@d3/partition';

/** A published network: its ONNX graph without weight data, and the same graph as the planner sees it. */
export interface Network {
  readonly name: string;
  /** Where it was published, and which variant this is. */
  readonly source: string;
  /** For `buildModel` of `@d3/onnx`. Weights are external, at {@link Network.weightsPath}, one after the other. */
  readonly spec: ModelSpec;
  /** One layer per node. */
  readonly graph: LayerGraph;
  readonly weights: readonly NetworkWeight[];
  /** File that the weights are in, beside the model. */
  readonly weightsPath: string;
  /** Learned parameters, as the papers count them: running means and variances are not among them. */
  readonly parameters: number;
}

/** A weight of a network, of type float32. */
export interface NetworkWeight extends InitializerSpec {
  readonly role: 'kernel' | 'bias' | 'scale' | 'mean' | 'variance' | 'embedding';
  /** Inputs that each output sums over; 1 where that means nothing. */
  readonly fanIn: number;
  /** Factor on the values that its role has. */
  readonly gain: number;
  readonly external: { readonly path: string; readonly offset: number; readonly length: number };
}
