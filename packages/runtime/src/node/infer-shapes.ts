import type { ShapeInference } from '@d3/onnx';
import { runtimeError } from '../errors.ts';
import { WorkerHandle } from './worker-handle.ts';

/**
 * {@link ShapeInference} by onnxruntime-node, in a worker that lives for the call.
 *
 * @throws D3Error `RUNTIME_SHAPES_FAILED` when the runtime refuses the model, e.g. for an operator that it does not know
 */
export const inferShapes: ShapeInference = async (model) => {
  const worker = new WorkerHandle();
  try {
    return (await worker.ask('shapes', { model })).values;
  } catch (error) {
    throw runtimeError('RUNTIME_SHAPES_FAILED', { reason: (error as Error).message }, { cause: error });
  } finally {
    await worker.terminate();
  }
};
