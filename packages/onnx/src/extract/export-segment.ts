import { onnxError } from '../errors.ts';
import type { PackedModel } from '../manifest.ts';
import type { Bytes } from '../proto/model.ts';
import { writeModel } from '../proto/write-model.ts';
import { initializerOf, segmentModel } from './extract-segment.ts';

/** What a protobuf message may take at most. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

/**
 * A plain, self-contained ONNX file of some layers, weights inside, that any runtime opens.
 *
 * @param layers - as for {@link extractSegment}; all of them for the whole folded model
 * @throws D3Error `ONNX_SEGMENT_INVALID`, `ONNX_TOO_LARGE` past 2 GB, `ONNX_PACK_INVALID` when a blob is missing
 */
export function exportSegment(packed: PackedModel, layers: readonly number[]): Bytes {
  let bytes = packed.graph.byteLength;
  const { model } = segmentModel(packed, layers, (weight) => {
    const data = packed.weights.get(weight.id);
    if (data === undefined || data.byteLength !== weight.bytes) {
      const reason = data === undefined ? 'its blob is missing' : `its blob has ${data.byteLength} bytes`;
      throw onnxError('ONNX_PACK_INVALID', { reason, place: `weights/${weight.id}` });
    }
    bytes += weight.bytes;
    return { ...initializerOf(weight), data };
  });
  if (bytes > MAX_FILE_BYTES) {
    throw onnxError('ONNX_TOO_LARGE', { limit: MAX_FILE_BYTES, bytes, what: `a segment of ${packed.manifest.name}` });
  }
  return writeModel(model);
}
