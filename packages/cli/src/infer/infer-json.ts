import type { InferResult } from '@d3/client';
import { toNumbers } from '@d3/runtime';
import { elementCount, type Tensor } from '@d3/tensor';

/** Values of an output are printed up to this many. */
const MAX_VALUES = 16_384;

/** What `d3 infer --json` prints. */
export interface InferJson {
  /** Best classes of the first output that has some. */
  readonly top: readonly { readonly index: number; readonly label: string; readonly score: number }[];
  readonly outputs: readonly {
    readonly name: string;
    readonly type: string;
    readonly shape: readonly number[];
    /** Row-major; `null` for more than 16,384 values. */
    readonly values: readonly number[] | null;
  }[];
  readonly placement: readonly {
    readonly tier: string;
    readonly backend: string;
    readonly layers: readonly string[];
    readonly ms: number;
    readonly emulated: boolean;
  }[];
  readonly hops: readonly {
    readonly hop: string;
    readonly bytesUp: number;
    readonly bytesDown: number;
    readonly ms: number;
  }[];
  readonly totalMs: number;
  readonly epoch: number;
}

/** A result as plain JSON. */
export function inferJson(result: InferResult): InferJson {
  const classes = result.answers.find((answer) => answer.kind === 'classes');
  return {
    top: classes?.top ?? [],
    outputs: Object.entries(result.outputs).map(([name, tensor]) => ({
      name,
      type: tensor.type,
      shape: tensor.shape,
      values: valuesOf(tensor),
    })),
    placement: result.placement.map(({ tier, backend, layerNames, computeMs, emulated }) => ({
      tier,
      backend,
      layers: layerNames,
      ms: computeMs,
      emulated,
    })),
    hops: result.hops.map(({ hop, bytesUp, bytesDown, ms }) => ({ hop, bytesUp, bytesDown, ms })),
    totalMs: result.totalMs,
    epoch: result.epoch,
  };
}

function valuesOf(tensor: Tensor): number[] | null {
  if (elementCount(tensor.shape) > MAX_VALUES) return null;
  return toNumbers(tensor);
}
