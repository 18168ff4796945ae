import { MAX_MANIFEST_BYTES, type Manifest, parseManifest } from '@d3/onnx';
import { parseSidecar, type Sidecar } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type { EdgeAddress } from './edge-address.ts';
import type { Host } from './host.ts';
import { ModelStore } from './model-store.ts';

const MAX_GRAPH_BYTES = 1 << 30;
const MAX_SIDECAR_BYTES = 4 << 20;
const MAX_LISTING_BYTES = 8 << 20;
const HASH = /^[0-9a-f]{64}$/;

/** Whether a model is asked for by its hash, so for one version. */
export function isHash(model: string): boolean {
  return HASH.test(model);
}

/** A packed model without its weights. */
export interface LoadedModel {
  readonly manifest: Manifest;
  readonly graph: Uint8Array<ArrayBuffer>;
  readonly sidecar: Sidecar | undefined;
  /** Reads the weights. */
  readonly store: ModelStore;
}

/** Which model, and where. */
export interface ModelRequest {
  /** Name or hash at the edge; without an edge the URL of a packed model's folder. */
  readonly model: string;
  readonly edge?: EdgeAddress | undefined;
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads manifest, graph and sidecar, and checks that they belong together.
 *
 * @throws D3Error `CLIENT_OPTION_INVALID`, `CLIENT_MODEL_UNKNOWN`, `CLIENT_MODEL_UNREADABLE`, `CLIENT_MODEL_HASH_MISMATCH`, and
 * what parsing throws; the signal's reason when aborted
 */
export async function loadModel(host: Host, request: ModelRequest): Promise<LoadedModel> {
  const { model, signal } = request;
  const { folder, hash } = await locate(host, request);
  const store = storeOf(host, request, folder);
  const manifestBytes = await store.read({ name: 'manifest.json', maxBytes: MAX_MANIFEST_BYTES }, signal);
  if (manifestBytes === undefined) {
    throw clientError('CLIENT_MODEL_UNKNOWN', { model, place: folder, known: 'no manifest.json' });
  }
  const manifest = parseManifest(manifestBytes);
  if (hash !== undefined && manifest.hash !== hash) {
    throw clientError('CLIENT_MODEL_HASH_MISMATCH', { model, expected: hash, place: folder, actual: manifest.hash });
  }
  const [graph, sidecar] = await Promise.all([
    store.readChecked({ name: 'graph.onnx', maxBytes: MAX_GRAPH_BYTES }, manifest.hash, signal ? { signal } : {}),
    readSidecar(store, manifest, signal),
  ]);
  // In the background: only what a switch costs depends on it.
  void store.lookFor(manifest.weights.map(({ id }) => id));
  return { manifest, graph, sidecar, store };
}

async function readSidecar(store: ModelStore, manifest: Manifest, signal?: AbortSignal): Promise<Sidecar | undefined> {
  const bytes = await store.read({ name: 'model.d3.json', maxBytes: MAX_SIDECAR_BYTES }, signal);
  if (bytes === undefined) return undefined;
  return await parseSidecar(parseJson(bytes, store), manifest, async (name) => {
    const labels = await store.read({ name, maxBytes: MAX_SIDECAR_BYTES }, signal);
    if (labels === undefined) throw new Error(`there is none in ${store.place.folder}`);
    return new TextDecoder().decode(labels);
  });
}

function parseJson(bytes: Uint8Array, { place }: ModelStore): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    const file = 'model.d3.json';
    const details = { model: place.model, file, url: place.folder + file, problem: 'it is not JSON' };
    throw clientError('CLIENT_MODEL_UNREADABLE', details, { cause });
  }
}

function storeOf(host: Host, { model, token }: ModelRequest, folder: string): ModelStore {
  return new ModelStore(host, { model, folder, ...(token !== undefined && { token }) });
}

/** Finds a model's folder; at an edge by its listing, so that a name leads to the hash that it stands for now. */
async function locate(host: Host, request: ModelRequest): Promise<{ folder: string; hash?: string }> {
  const { model, edge } = request;
  if (edge === undefined) return { folder: folderUrl(model) };
  if (HASH.test(model)) return { folder: new URL(`${model}/`, edge.models).href, hash: model };
  const known = await listModels(storeOf(host, request, edge.models), request.signal);
  const hash = known.get(model);
  if (hash === undefined) {
    const names = [...known.keys()].join(', ') || 'none';
    throw clientError('CLIENT_MODEL_UNKNOWN', { model, place: edge.link, known: names });
  }
  return { folder: new URL(`${hash}/`, edge.models).href, hash };
}

function folderUrl(model: string): string {
  if (URL.canParse(model)) return model.endsWith('/') ? model : `${model}/`;
  const remedy = "give the URL of a packed model's folder, or an edge that has the model";
  throw clientError('CLIENT_OPTION_INVALID', { option: 'model', value: `'${model}'`, remedy });
}

async function listModels(store: ModelStore, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const bytes = await store.read({ name: '../models', maxBytes: MAX_LISTING_BYTES }, signal);
  try {
    const { models } = JSON.parse(new TextDecoder().decode(bytes)) as { models: { name: string; hash: string }[] };
    const sound = models.filter(({ name, hash }) => typeof name === 'string' && HASH.test(hash));
    // Newest first: of several with one name that counts.
    return new Map(sound.reverse().map(({ name, hash }) => [name, hash]));
  } catch {
    return new Map(); // no listing: nothing is known
  }
}
