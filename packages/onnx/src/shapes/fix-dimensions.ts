import { onnxError } from '../errors.ts';
import type { OpenGraph } from '../fold/open-graph.ts';
import type { OnnxDimension, OnnxValue } from '../proto/model.ts';

/** Sizes of symbolic dimensions: by their name in the model, or as `input:axis` for those that have none. */
export type DimensionSizes = Readonly<Record<string, number>>;

/**
 * Fixes every dimension of the inputs: as `sizes` says, else 1 where it is a batch (an input's first dimension, and the same
 * symbol elsewhere). Shapes of outputs are left to the runtime to derive.
 *
 * @throws D3Error `ONNX_DIMENSION_UNKNOWN` for another dimension without a size; RangeError for a size that is no positive
 *   integer
 */
export function fixDimensions(graph: OpenGraph, sizes: DimensionSizes): OpenGraph {
  // A map: names are the model's, and an object has some of its own, e.g. 'constructor'.
  const given = new Map(Object.entries(sizes));
  for (const [key, size] of given) {
    if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`Dimension '${key}' is ${size}: give a size ≥ 1`);
  }
  const batches = new Set(graph.inputs.map((input) => input.shape?.[0]).filter((name) => typeof name === 'string'));
  const sizeOf = (input: OnnxValue, axis: number, dimension: OnnxDimension): number => {
    if (typeof dimension === 'number' && dimension > 0) return dimension;
    const position = `${input.name}:${axis}`;
    const size = given.get(position) ?? (typeof dimension === 'string' ? given.get(dimension) : undefined);
    if (size !== undefined) return size;
    if (axis === 0 || (typeof dimension === 'string' && batches.has(dimension))) return 1;
    throw onnxError('ONNX_DIMENSION_UNKNOWN', {
      input: input.name,
      axis,
      dimension: typeof dimension === 'string' ? `symbolic ('${dimension}')` : 'unknown',
      key: typeof dimension === 'string' ? dimension : position,
    });
  };
  const inputs = graph.inputs.map((input) => {
    if (input.opaque !== undefined || input.type === null) return input;
    if (input.shape === null) {
      throw onnxError('ONNX_DIMENSION_UNKNOWN', {
        input: input.name,
        axis: 0,
        dimension: 'unknown, like the number of its dimensions',
        key: `${input.name}:0`,
      });
    }
    return { ...input, shape: input.shape.map((dimension, axis) => sizeOf(input, axis, dimension)) };
  });
  const outputs = graph.outputs.map((output) => ({ ...output, shape: null }));
  return { ...graph, inputs, outputs };
}
