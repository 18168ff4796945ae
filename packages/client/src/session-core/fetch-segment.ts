import { extractSegment } from '@d3/onnx';
import type { Backend, SegmentSpec } from '@d3/runtime';
import type { LoadedModel } from './load-model.ts';
import type { CountBytes } from './model-store.ts';
import { sha256Hex } from './read-body.ts';

/** How the fetching of a segment goes on. */
export interface SegmentProgress {
  /** Told once how many bytes of weights it needs. */
  expectBytes(bytes: number): void;
  readonly count: CountBytes;
  /** The weights are there. */
  loaded(): void;
}

/** Names some layers of a model on a backend: equal names, equal segments. */
export async function segmentId(model: LoadedModel, backend: Backend, layers: readonly number[]): Promise<string> {
  const chosen = new Set(layers);
  const mine = model.manifest.layers.map((_, layer) => (chosen.has(layer) ? '1' : '0')).join('');
  const digest = await sha256Hex(new TextEncoder().encode(mine));
  return `${model.manifest.hash.slice(0, 16)}/${digest.slice(0, 16)}@${backend.name}`;
}

/**
 * Extracts a segment and fetches the weights of its layers, and only those.
 *
 * @throws D3Error as {@link ModelStore.readWeights}; the signal's reason when aborted
 */
export async function fetchSegment(
  model: LoadedModel,
  options: {
    readonly id: string;
    readonly layers: readonly number[];
    readonly progress: SegmentProgress;
    readonly signal: AbortSignal;
  },
): Promise<SegmentSpec> {
  const { id, layers, progress, signal } = options;
  const { manifest, graph } = model;
  const locate = (weight: { readonly id: string }) => ({ path: weight.id, offset: 0 });
  const segment = extractSegment({ manifest, graph }, layers, { locate });
  const sizes = new Map(segment.weights.map((weight) => [weight.id, weight.bytes]));
  progress.expectBytes([...sizes.values()].reduce((sum, bytes) => sum + bytes, 0));
  const blobs = await model.store.readWeights(segment.weights, { signal, count: progress.count });
  progress.loaded();
  return { id, model: segment, level: manifest.level, weights: { kind: 'blobs', blobs } };
}
