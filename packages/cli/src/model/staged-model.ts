import { join } from 'node:path';
import { extractSegment, type PackedModel } from '@d3/onnx';
import type { SegmentSpec } from '@d3/runtime';
import { type AssembledWeights, assembleWeights } from '@d3/runtime/node';
import { makeScratchFolder } from './scratch-folder.ts';

/** A packed model whose weights lie in one file, so that any number of its segments map them into memory. */
export interface StagedModel {
  readonly packed: PackedModel;
  /** A segment of it, ready for a backend, to be run a few times only. @param layers - ascending */
  segment(layers: readonly number[]): SegmentSpec;
  /** Removes the file. Sessions that map it live on. */
  dispose(): Promise<void>;
}

/**
 * Writes a model's weights to a temporary file.
 *
 * @throws D3Error `RUNTIME_WEIGHT_CORRUPT`
 */
export async function stageModel(packed: PackedModel): Promise<StagedModel> {
  const { path: folder, remove } = await makeScratchFolder('d3-');
  try {
    const weights = await assembleWeights(packed.manifest, (id) => blobOf(packed, id), join(folder, 'weights.bin'));
    return staged(packed, weights, remove);
  } catch (error) {
    await remove();
    throw error;
  }
}

function staged(packed: PackedModel, weights: AssembledWeights, dispose: () => Promise<void>): StagedModel {
  const { manifest } = packed;
  return {
    packed,
    segment: (layers) => ({
      id: `${manifest.name}[${layers[0] ?? ''}…${layers.at(-1) ?? ''}]`,
      model: extractSegment(packed, layers, { locate: weights.locate }),
      level: manifest.level,
      weights: { kind: 'folder', path: weights.folder },
      warm: false,
    }),
    dispose,
  };
}

async function blobOf(packed: PackedModel, id: string): Promise<Uint8Array> {
  const blob = packed.weights.get(id);
  if (blob === undefined) throw new RangeError(`The packed model lacks weight ${id}`);
  return blob;
}
