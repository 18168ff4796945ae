/** Part of a spatial layer's geometry that tells which kernel of the runtime it gets. */
export interface Spatial {
  readonly kernel: readonly [number, number];
  readonly groups: number;
}

/** Kind of a layer for its cost: an operator, for `Conv` with the family of its kernel, e.g. `Conv/depthwise`. */
export type CostKind = string;

const FLOAT_BYTES = 4;

/**
 * The kind by which a layer is priced. Runtimes have one routine each for pointwise convolutions (a matrix product), for dense ones
 * with a window (a window gathered, then a matrix product), for depthwise ones (bound by memory) and for grouped ones, with rates an
 * order of magnitude apart; so these are kinds of their own: `Conv/pointwise`, `Conv/dense`, `Conv/depthwise`, `Conv/grouped`.
 * Every other layer is priced as its operator. An activation in a group costs what its bytes cost and needs no kind.
 *
 * @param outputBytes - of all tensors that it writes: a group of one channel does no more than one window per value
 */
export function costKind(
  layer: { readonly kind: string; readonly flops: number; readonly spatial?: Spatial },
  outputBytes: number,
): CostKind {
  const { kind, spatial } = layer;
  if (kind !== 'Conv' || spatial === undefined) return kind;
  const window = spatial.kernel[0] * spatial.kernel[1];
  if (spatial.groups === 1) return window === 1 ? 'Conv/pointwise' : 'Conv/dense';
  const channelsPerGroup = layer.flops / (2 * window * (outputBytes / FLOAT_BYTES));
  return channelsPerGroup < 1.75 ? 'Conv/depthwise' : 'Conv/grouped';
}
