import type { Constraints } from '@d3/partition';
import type { BlobCache } from './host.ts';
import type { LoadedModel } from './load-model.ts';

/** Whether some layers must be on a tier, so that nothing can be answered without it. */
export function mustHold({ keepOnDevice, pin = {} }: Constraints, tier: string): boolean {
  return keepOnDevice !== undefined || Object.values(pin).includes(tier);
}

/** Bytes of the weights of some layers that are neither here nor in the cache. */
export async function missingBytes(
  { manifest, store }: LoadedModel,
  cache: BlobCache,
  layers: readonly number[],
): Promise<number> {
  const wanted = new Map(
    layers.flatMap((index) => manifest.layers[index]?.weights ?? []).map(({ id, bytes }) => [id, bytes]),
  );
  let missing = 0;
  for (const weight of manifest.weights.filter(({ id }) => wanted.has(id) && !store.holds(id))) {
    if (!(await cache.has(weight.id))) missing += weight.bytes;
  }
  return missing;
}
