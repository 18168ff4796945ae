import { type Static, Type } from 'typebox';
import { Check } from 'typebox/value';
import { fetchFailed, get, type ModelSource, readBytes } from './fetch-model.ts';
import type { StoredModel } from './model-folder.ts';

const tensor = Type.Object({
  name: Type.String({ maxLength: 512 }),
  type: Type.String({ maxLength: 16 }),
  shape: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 16 }),
});
const size = Type.Number({ minimum: 0 });
const listing = Type.Object({
  name: Type.String({ pattern: '^[a-z0-9._-]{1,512}$' }),
  hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  inputs: Type.Array(tensor, { maxItems: 256 }),
  outputs: Type.Array(tensor, { maxItems: 256 }),
  layers: size,
  totalFlops: size,
  totalWeightBytes: size,
  sidecar: Type.Boolean(),
});

/** A model as `/d3/models` lists it. */
export interface ModelListing {
  readonly name: string;
  readonly hash: string;
  readonly inputs: readonly TensorListing[];
  readonly outputs: readonly TensorListing[];
  /** How many. */
  readonly layers: number;
  readonly totalFlops: number;
  readonly totalWeightBytes: number;
  /** Whether a `model.d3.json` lies beside it. */
  readonly sidecar: boolean;
}

/** A network input or output. */
export interface TensorListing {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
}

const LISTING_WITHIN_MS = 3_000;
const MAX_LISTING_BYTES = 8 << 20;

/** How a stored model is listed. */
export function summaryOf({ manifest, hasSidecar }: StoredModel): ModelListing {
  const { name, hash, layers, tensors, totalFlops, totalWeightBytes } = manifest;
  const select = (key: 'isInput' | 'isOutput') =>
    tensors.filter((tensor) => tensor[key]).map(({ name, type, shape }) => ({ name, type, shape }));
  return {
    name,
    hash,
    inputs: select('isInput'),
    outputs: select('isOutput'),
    layers: layers.length,
    totalFlops,
    totalWeightBytes,
    sidecar: hasSidecar,
  };
}

/**
 * The models that a server lists. What does not look like a listing is left out.
 *
 * @throws D3Error `SERVER_MODEL_FETCH_FAILED`
 */
export async function fetchListing(source: ModelSource): Promise<readonly ModelListing[]> {
  try {
    const response = await get(source, '/d3/models', { timeoutMs: LISTING_WITHIN_MS });
    const body: unknown = JSON.parse(Buffer.from(await readBytes(response, MAX_LISTING_BYTES)).toString('utf8'));
    const models = (body as { models?: unknown } | null)?.models;
    return Array.isArray(models) ? models.filter(isListing) : [];
  } catch (cause) {
    throw fetchFailed(cause, 'list', source.url);
  }
}

function isListing(value: unknown): value is Static<typeof listing> {
  return Check(listing, value);
}
