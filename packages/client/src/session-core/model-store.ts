import type { ManifestWeight } from '@d3/onnx';
import { clientError } from '../errors.ts';
import { DownloadMeter } from './download-meter.ts';
import type { Host } from './host.ts';
import { readBody, sha256Hex } from './read-body.ts';

/** Where the files of one packed model lie. */
export interface ModelPlace {
  /** As the caller named it, for errors. */
  readonly model: string;
  /** URL of its folder, with a slash at its end. */
  readonly folder: string;
  readonly token?: string;
}

/** A file of a packed model. */
export interface ModelFile {
  readonly name: string;
  readonly maxBytes: number;
}

/** How bytes are counted while they come. */
export type CountBytes = (bytes: number, cached: boolean) => void;

const DOWNLOADS_AT_ONCE = 4;
const ATTEMPTS = 2;
const MAX_REFUSAL_BYTES = 1 << 16;

/** Reads the files of one packed model over HTTP, through a cache of content-addressed blobs. */
export class ModelStore {
  readonly place: ModelPlace;
  readonly #host: Host;
  readonly #meter = new DownloadMeter();
  /** Blobs that are known to be in the cache. What has left it since is fetched again. */
  readonly #held = new Set<string>();
  /** Folders of the same model elsewhere, for when the first cannot be reached. */
  #mirrors: readonly string[] = [];

  constructor(host: Host, place: ModelPlace) {
    this.#host = host;
    this.place = place;
  }

  /** Best rate that a download of some length has shown; `undefined` before there was one. */
  get downBytesPerMs(): number | undefined {
    return this.#meter.bytesPerMs;
  }

  /** Names a further folder that holds the same packed model. What comes from there is checked by hash as well. */
  addMirror(folder: string): void {
    if (!this.#mirrors.includes(folder)) this.#mirrors = [...this.#mirrors, folder];
  }

  /** Whether a blob was fetched, or found in the cache, before; see {@link lookFor}. */
  holds(id: string): boolean {
    return this.#held.has(id);
  }

  /** Finds out which blobs the cache has, without reading them, for {@link holds}. */
  async lookFor(ids: Iterable<string>): Promise<void> {
    for (const id of ids) {
      if (!this.#held.has(id) && (await this.#host.cache.has(id))) this.#held.add(id);
    }
  }

  /**
   * One file, never cached here.
   *
   * @returns `undefined` if the server says that there is none (404)
   * @throws D3Error `CLIENT_MODEL_UNREADABLE`; the signal's reason when aborted
   */
  async read(file: ModelFile, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const url = new URL(file.name, this.place.folder).href;
    const response = await this.#get(url, { file: file.name, cache: 'default', signal });
    if (response.status === 404) return undefined;
    return this.#body(response, file, signal);
  }

  /**
   * A file that must be there and have this hash; from the cache if it can be.
   *
   * @throws D3Error `CLIENT_MODEL_CORRUPT`, `CLIENT_MODEL_UNREADABLE`; the signal's reason when aborted
   */
  async readChecked(
    file: ModelFile,
    hash: string,
    options: { signal?: AbortSignal; count?: CountBytes } = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const cached = await this.#fromCache(hash);
    if (cached !== undefined) {
      this.#held.add(hash);
      options.count?.(cached.byteLength, true);
      return cached;
    }
    const folders = [this.place.folder, ...this.#mirrors];
    let failure: unknown;
    for (const folder of folders) {
      try {
        return await this.#readFrom(folder, file, { ...options, hash });
      } catch (error) {
        options.signal?.throwIfAborted();
        // What the first place says is what its caller can mend.
        failure ??= error;
      }
    }
    throw failure;
  }

  async #readFrom(
    folder: string,
    file: ModelFile,
    options: { hash: string; signal?: AbortSignal; count?: CountBytes },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const url = new URL(file.name, folder).href;
    let problem = '';
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const bytes = await this.#download(url, file, options);
      const actual = await sha256Hex(bytes);
      if (actual === options.hash) {
        await this.#host.cache.put(actual, bytes);
        this.#held.add(actual);
        return bytes;
      }
      options.count?.(-bytes.byteLength, false);
      problem = `its bytes hash to ${actual.slice(0, 12)}…`;
    }
    throw clientError('CLIENT_MODEL_CORRUPT', { file: file.name, model: this.place.model, url, problem });
  }

  /**
   * Blobs by id, a few at a time; each is fetched once and checked.
   *
   * @throws as {@link readChecked}
   */
  async readWeights(
    weights: readonly ManifestWeight[],
    options: { signal?: AbortSignal; count?: CountBytes } = {},
  ): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
    const queue = [...new Map(weights.map((weight) => [weight.id, weight])).values()];
    const blobs = new Map<string, Uint8Array<ArrayBuffer>>();
    const worker = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const file = { name: `weights/${next.id}`, maxBytes: next.bytes };
        blobs.set(next.id, await this.readChecked(file, next.id, options));
      }
    };
    try {
      await Promise.all(Array.from({ length: DOWNLOADS_AT_ONCE }, worker));
    } finally {
      queue.length = 0;
    }
    return blobs;
  }

  /** A cached blob whose bytes are what their name says; a poisoned entry is removed. */
  async #fromCache(hash: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = await this.#host.cache.get(hash);
    if (bytes === undefined) return undefined;
    if ((await sha256Hex(bytes)) === hash) return bytes;
    await this.#host.cache.delete(hash);
    return undefined;
  }

  async #download(
    url: string,
    file: ModelFile,
    options: { signal?: AbortSignal; count?: CountBytes },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const response = await this.#get(url, { file: file.name, cache: 'no-store', signal: options.signal });
    let counted = 0;
    const count = (bytes: number) => {
      counted += bytes;
      options.count?.(bytes, false);
    };
    try {
      return await this.#body(response, file, options.signal, count);
    } catch (error) {
      options.count?.(-counted, false);
      throw error;
    }
  }

  async #get(
    url: string,
    { file, cache, signal }: { file: string; cache: 'default' | 'no-store'; signal: AbortSignal | undefined },
  ): Promise<Response> {
    const headers = this.place.token === undefined ? {} : { authorization: `Bearer ${this.place.token}` };
    try {
      return await this.#host.fetch(url, { headers, cache, ...(signal && { signal }) });
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#unreadable(file, url, cause);
    }
  }

  async #body(
    response: Response,
    file: ModelFile,
    signal?: AbortSignal,
    count?: (bytes: number) => void,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (!response.ok) throw this.#unreadable(file.name, response.url, await refusalOf(response));
    try {
      const hear = this.#meter.begin();
      return await readBody(response, file.maxBytes, (bytes) => {
        hear(bytes);
        count?.(bytes);
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#unreadable(file.name, response.url, cause);
    }
  }

  #unreadable(file: string, url: string, cause: unknown): Error {
    const details = { model: this.place.model, file, url, problem: problemOf(cause) };
    return clientError('CLIENT_MODEL_UNREADABLE', details, { cause });
  }
}

/** In words; what Node's fetch knows of a failure is in the cause of its error. */
function problemOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message || cause.cause.name}` : cause.message;
}

/** What a server says of its refusal: the text of a D3 error, else the status. */
async function refusalOf(response: Response): Promise<string> {
  const status = `the server answered ${response.status}`;
  try {
    const text = new TextDecoder().decode(await readBody(response, MAX_REFUSAL_BYTES));
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    return typeof error?.message === 'string' ? `${status}: ${error.message}` : status;
  } catch {
    return status;
  }
}
