import { isD3Error } from '@d3/errors';
import type { InferredValue, ShapeInference } from '@d3/onnx';
import * as Comlink from 'comlink';
import { runtimeError } from '../errors.ts';
import { ComputeLink, type ComputeOptions } from './compute-link.ts';
import { ownedCopy } from './owned-copy.ts';

/**
 * {@link ShapeInference} by onnxruntime-web, for a caller without a backend: each call starts a wasm compute worker and
 * ends it.
 *
 * @throws D3Error (from the function returned) `RUNTIME_SHAPES_FAILED` when the runtime refuses the model, and what
 * `createWebBackend` throws when the worker does not start
 */
export function createShapeInference(options: Omit<ComputeOptions, 'name' | 'port'>): ShapeInference {
  return async (model) => {
    const { link } = await ComputeLink.open({ ...options, name: 'wasm' });
    try {
      return await inferShapesThrough(link, model);
    } finally {
      link.close('shape inference');
    }
  };
}

/** Asks an open compute worker. The model is only read. */
export async function inferShapesThrough(
  link: ComputeLink,
  model: Uint8Array<ArrayBuffer>,
): Promise<readonly InferredValue[]> {
  const copy = ownedCopy(model);
  try {
    return await link.call((remote) => remote.inferShapes(Comlink.transfer(copy, [copy.buffer])));
  } catch (error) {
    if (isD3Error(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw runtimeError('RUNTIME_SHAPES_FAILED', { reason }, { cause: error });
  }
}
