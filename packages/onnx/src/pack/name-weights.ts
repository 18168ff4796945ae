import { type OpenGraph, readsOf } from '../fold/open-graph.ts';
import type { ManifestWeight } from '../manifest.ts';
import type { Bytes } from '../proto/model.ts';
import { sha256 } from './sha256.ts';

/** Initializers up to this size stay inside graph.onnx. */
const MAX_INLINE_BYTES = 1024;

/** Who may stop the hashing, and who is told how many bytes are done. */
export interface HashOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: {
    readonly stage: 'weights';
    readonly done: number;
    readonly total: number;
  }) => void;
}

/** The larger constants of a graph, and their bytes. */
export interface NamedWeights {
  /** By initializer name. */
  readonly weights: ReadonlyMap<string, ManifestWeight>;
  /** By hash; equal weights are there once. */
  readonly blobs: ReadonlyMap<string, Bytes>;
}

/** Hashes the constants that are too large to stay inline, in the order that nodes read them. */
export async function nameWeights(graph: OpenGraph, options: HashOptions): Promise<NamedWeights> {
  const names = [...new Set(graph.nodes.flatMap(readsOf))];
  const large = names.flatMap((name) => {
    const tensor = graph.constants.get(name);
    return tensor?.data && tensor.data.byteLength > MAX_INLINE_BYTES ? [{ ...tensor, data: tensor.data }] : [];
  });
  const total = large.reduce((sum, tensor) => sum + tensor.data.byteLength, 0);
  const weights = new Map<string, ManifestWeight>();
  const blobs = new Map<string, Bytes>();
  let done = 0;
  for (const { name, type, shape, data } of large) {
    options.signal?.throwIfAborted();
    const id = await sha256(data);
    if (!blobs.has(id)) blobs.set(id, data);
    weights.set(name, { name, id, bytes: data.byteLength, type, shape });
    done += data.byteLength;
    options.onProgress?.({ stage: 'weights', done, total });
  }
  return { weights, blobs };
}
