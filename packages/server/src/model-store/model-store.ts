import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestWeight } from '@d3/onnx';
import { parseSidecar, type Sidecar, type SidecarInput } from '@d3/runtime';
import { serverError } from '../errors.ts';
import { fetchModel, type ModelSource } from './fetch-model.ts';
import { ModelFolder, type StoredModel } from './model-folder.ts';
import { fetchListing, type ModelListing, summaryOf } from './model-listing.ts';
import { pictureInputsOf } from './picture-inputs.ts';

/** Where a store looks. */
export interface ModelStoreOptions {
  readonly tier: string;
  /** Folder of packed models, one subfolder each; only read. */
  readonly models: string;
  /** Folder for models from upstream; written. */
  readonly cache: string;
  readonly upstream?: ModelSource | undefined;
  readonly onSkip: (folder: string, reason: unknown) => void;
}

const MAX_HELD = 16;

/**
 * The packed models of a tier: its own, those it fetched, and those it can fetch from upstream. Models are known by name or
 * hash; neither ever becomes part of a path.
 */
export class ModelStore {
  readonly #options: ModelStoreOptions;
  readonly #folders: readonly ModelFolder[];
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #sidecars = new WeakMap<StoredModel, Promise<Sidecar | undefined>>();
  /** Those that links use, by hash, the latest last. */
  readonly #held = new Map<string, StoredModel>();
  readonly #graphs = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(options: ModelStoreOptions) {
    this.#options = options;
    this.#folders = [options.models, options.cache].map((root) => new ModelFolder(root, options.onSkip));
  }

  /** Models on this machine; of several with one name the newest, the own before the fetched. */
  async list(): Promise<readonly StoredModel[]> {
    const byHash = new Map<string, StoredModel>();
    for (const model of await this.#all()) {
      if (!byHash.has(model.manifest.hash)) byHash.set(model.manifest.hash, model);
    }
    return [...byHash.values()];
  }

  /**
   * Name → hash of every model that {@link find} would find, upstream's included. An upstream that does not answer adds none.
   */
  async names(): Promise<Readonly<Record<string, string>>> {
    const names: Record<string, string> = {};
    for (const { name, hash } of await this.#upstreamListing().catch(() => [])) names[name] = hash;
    return { ...names, ...(await this.namesHere()) };
  }

  /** Name → hash of the models on this machine; of several with one name the newest, the own before the fetched. */
  async namesHere(): Promise<Readonly<Record<string, string>>> {
    const models = [...(await this.#all())].reverse();
    return Object.fromEntries(models.map(({ manifest }) => [manifest.name, manifest.hash]));
  }

  /** What `/d3/models` shows: models on this machine, then those that upstream would give. */
  async listing(): Promise<readonly ModelListing[]> {
    const here = (await this.list()).map(summaryOf);
    const names = new Set(here.map(({ name }) => name));
    const there = await this.#upstreamListing().catch(() => []);
    return [...here, ...there.filter(({ name }) => !names.has(name))];
  }

  /**
   * A model by name or hash, fetched from upstream if it is not here; fetches of one model are shared.
   *
   * @throws D3Error `SERVER_MODEL_UNKNOWN`, `SERVER_MODEL_FETCH_FAILED`, `SERVER_MODEL_CORRUPT`
   */
  async find(nameOrHash: string): Promise<StoredModel> {
    const here = await this.#findHere(nameOrHash);
    if (here !== undefined) return here;
    const listed = (await this.#upstreamListing()).find(({ name, hash }) => name === nameOrHash || hash === nameOrHash);
    if (listed === undefined) throw this.#unknown(nameOrHash);
    await this.#fetch(listed.hash);
    const fetched = await this.#findHere(listed.hash);
    if (fetched === undefined) throw this.#unknown(nameOrHash);
    return fetched;
  }

  /**
   * Like {@link find}, and by hash also a model whose folder another version has taken over since it was found: those who use it
   * finish on it. Only its weight files may be asked for then, as long as they lie there.
   *
   * @throws D3Error as {@link find}
   */
  async findHeld(nameOrHash: string): Promise<StoredModel> {
    const held = this.#held.get(nameOrHash);
    const model = (await this.#findHere(nameOrHash)) ?? held ?? (await this.find(nameOrHash));
    this.#held.delete(model.manifest.hash);
    this.#held.set(model.manifest.hash, model);
    const [oldest] = this.#held.keys();
    if (this.#held.size > MAX_HELD && oldest !== undefined) this.#held.delete(oldest);
    return model;
  }

  /**
   * The bytes of graph.onnx, checked against the model's hash once and kept. Only read.
   *
   * @throws D3Error `SERVER_MODEL_CORRUPT`
   */
  async graph(model: StoredModel): Promise<Uint8Array<ArrayBuffer>> {
    const { hash } = model.manifest;
    const known = this.#graphs.get(hash);
    if (known !== undefined) return await known;
    const reading = readGraph(model);
    this.#graphs.set(hash, reading);
    reading.catch(() => this.#graphs.delete(hash));
    return await reading;
  }

  /**
   * The model's sidecar with its labels read in; undefined if it has none.
   *
   * @throws D3Error `RUNTIME_SIDECAR_INVALID`
   */
  async sidecar(model: StoredModel): Promise<Sidecar | undefined> {
    const known = this.#sidecars.get(model) ?? readSidecar(model);
    this.#sidecars.set(model, known);
    return await known;
  }

  /** The inputs that may come as pictures; none if the sidecar does not fit, so that tensors still work. */
  async pictureInputs(model: StoredModel): Promise<ReadonlyMap<string, SidecarInput>> {
    try {
      return pictureInputsOf(await this.sidecar(model));
    } catch (error) {
      this.#options.onSkip(model.folder, error);
      return new Map();
    }
  }

  /**
   * Path of a weight blob, for an id that the manifest names.
   *
   * @throws D3Error `SERVER_MODEL_FILE_UNKNOWN`
   */
  weightFile(model: StoredModel, id: string): { readonly path: string; readonly weight: ManifestWeight } {
    const weight = model.manifest.weights.find((candidate) => candidate.id === id);
    if (weight === undefined) {
      throw serverError('SERVER_MODEL_FILE_UNKNOWN', {
        model: model.manifest.name,
        file: `weights/${id.slice(0, 80)}`,
      });
    }
    return { path: join(model.folder, 'weights', weight.id), weight };
  }

  async #all(): Promise<readonly StoredModel[]> {
    return (await Promise.all(this.#folders.map((folder) => folder.list()))).flat();
  }

  async #findHere(nameOrHash: string): Promise<StoredModel | undefined> {
    const models = await this.#all();
    return models.find(({ manifest }) => manifest.hash === nameOrHash || manifest.name === nameOrHash);
  }

  async #upstreamListing(): Promise<readonly ModelListing[]> {
    return this.#options.upstream === undefined ? [] : await fetchListing(this.#options.upstream);
  }

  async #fetch(hash: string): Promise<void> {
    const { upstream, cache } = this.#options;
    if (upstream === undefined) throw this.#unknown(hash);
    let fetching = this.#fetching.get(hash);
    if (fetching === undefined) {
      fetching = fetchModel(upstream, hash, cache).then(() => undefined);
      this.#fetching.set(hash, fetching);
      const done = () => this.#fetching.delete(hash);
      fetching.then(done, done);
    }
    await fetching;
  }

  #unknown(model: string): Error {
    const { tier, upstream } = this.#options;
    return serverError('SERVER_MODEL_UNKNOWN', {
      model: model.slice(0, 80),
      tier,
      upstream: upstream === undefined ? '' : ` or at its upstream ${upstream.url}`,
    });
  }
}

async function readGraph(model: StoredModel): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(await readFile(join(model.folder, 'graph.onnx')));
  const actual = createHash('sha256').update(bytes).digest('hex');
  const { hash, name } = model.manifest;
  if (actual !== hash) {
    throw serverError('SERVER_MODEL_CORRUPT', { file: 'graph.onnx', model: name, expected: hash, actual });
  }
  return bytes;
}

async function readSidecar(model: StoredModel): Promise<Sidecar | undefined> {
  if (!model.hasSidecar) return undefined;
  const read = (file: string) => readFile(join(model.folder, file), 'utf8');
  let json: unknown;
  try {
    json = JSON.parse(await read('model.d3.json'));
  } catch {
    json = undefined;
  }
  return await parseSidecar(json, model.manifest, read);
}
