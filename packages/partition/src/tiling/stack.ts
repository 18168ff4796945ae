import { partitionError } from '../errors.ts';

/** A feature map: one tensor of a stack. */
export interface FeatureMap {
  readonly name: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Bytes of one element. */
  readonly elementBytes: number;
}

/** A spatial layer. Element-wise layers have a kernel and stride of 1 and no pads. */
export interface StackLayer {
  readonly name: string;
  /** Operator kind, e.g. `Conv`. */
  readonly kind: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** [height, width], as the rest. */
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** [top, left, bottom, right]. */
  readonly pads: readonly [number, number, number, number];
  readonly flops: number;
  readonly ceilMode?: boolean;
  readonly countIncludePad?: boolean;
}

/**
 * Consecutive spatial layers that are run tile by tile: topological, reading one tensor from outside, and giving the output
 * of the last layer. Branches inside are fine (residual blocks).
 */
export interface Stack {
  readonly layers: readonly StackLayer[];
  readonly maps: readonly FeatureMap[];
  readonly input: string;
}

/** Kinds that look at the whole map, so that no part of it can be computed alone. */
const WHOLE_MAP: ReadonlySet<string> = new Set([
  'InstanceNormalization',
  'GroupNormalization',
  'LayerNormalization',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'Gemm',
  'MatMul',
  'Softmax',
  'Flatten',
  'Reshape',
  'Attention',
]);

/**
 * Why a layer cannot be tiled (SPEC.md, V5); null when it can. A stack ends before such a layer.
 */
export function untileable(layer: StackLayer): string | null {
  if (WHOLE_MAP.has(layer.kind)) return `${layer.kind} looks at the whole map`;
  if (layer.kind === 'AveragePool' && layer.ceilMode === true && layer.countIncludePad === true) {
    return 'AveragePool with ceil_mode and count_include_pad counts padding that a tile does not know of';
  }
  const [top, left, bottom, right] = layer.pads;
  const [height, width] = [0, 1].map((axis) => (layer.dilation[axis] ?? 1) * ((layer.kernel[axis] ?? 1) - 1) + 1);
  if (Math.max(top, bottom) >= (height ?? 1) && Math.max(top, bottom) > 0) return 'its pads are as large as its kernel';
  if (Math.max(left, right) >= (width ?? 1) && Math.max(left, right) > 0) return 'its pads are as large as its kernel';
  return null;
}

/**
 * Checks a stack.
 *
 * @throws PARTITION_STACK_INVALID, naming the layer
 */
export function verifyStack(stack: Stack): void {
  const maps = new Set(stack.maps.map((map) => map.name));
  const known = new Set([stack.input]);
  if (stack.layers.length === 0) fail('(none)', 'a stack needs at least one layer');
  if (!maps.has(stack.input)) fail('(input)', `its input '${stack.input}' is not among the maps`);
  for (const layer of stack.layers) {
    const reason = untileable(layer);
    if (reason !== null) fail(layer.name, reason);
    const unknown = layer.inputs.find((input) => !known.has(input));
    if (unknown !== undefined) fail(layer.name, `it reads '${unknown}', which no layer before it in the stack writes`);
    if (!maps.has(layer.output)) fail(layer.name, `its output '${layer.output}' is not among the maps`);
    known.add(layer.output);
  }
}

function fail(layer: string, fault: string): never {
  throw partitionError('PARTITION_STACK_INVALID', { layer, fault });
}
