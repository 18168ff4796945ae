import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isD3Error } from '@d3/errors';
import { type Manifest, parseManifest } from '@d3/onnx';
import { serverError } from '../errors.ts';
import { MAX_MANIFEST_BYTES } from './model-folder.ts';

/** Where a model comes from. */
export interface ModelSource {
  /** `http://` or `https://` address of a D3 server, without a path. */
  readonly url: string;
  readonly token?: string | undefined;
}

/** Blobs fetched at once. */
const CONCURRENCY = 4;
const MAX_SIDECAR_BYTES = 4 << 20;
const MAX_GRAPH_BYTES = 1 << 30;

/**
 * Copies a packed model from another server into `cache/<hash>`. Every file is checked against its hash while it arrives; the
 * folder appears whole or not at all.
 *
 * @returns the new folder
 * @throws D3Error `SERVER_MODEL_FETCH_FAILED`, `SERVER_MODEL_CORRUPT`
 */
export async function fetchModel(source: ModelSource, hash: string, cache: string): Promise<string> {
  await mkdir(cache, { recursive: true });
  const scratch = await mkdtemp(join(cache, '.fetch-'));
  try {
    const download = new Download(source, hash);
    const manifest = await download.manifest(join(scratch, 'manifest.json'));
    await download.blob('graph.onnx', join(scratch, 'graph.onnx'), { sha256: hash, maxBytes: MAX_GRAPH_BYTES });
    await download.sidecar(join(scratch, 'model.d3.json'));
    await fetchWeights(download, manifest, join(scratch, 'weights'));
    return await publish(scratch, join(cache, hash));
  } catch (cause) {
    await rm(scratch, { recursive: true, force: true });
    throw fetchFailed(cause, hash, source.url);
  }
}

/** The typed error of a fetch that failed. */
export function fetchFailed(cause: unknown, model: string, upstream: string): unknown {
  if (isD3Error(cause)) return cause;
  const reason = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause : cause).message : String(cause);
  return serverError('SERVER_MODEL_FETCH_FAILED', { model, upstream, reason }, { cause });
}

async function fetchWeights(download: Download, manifest: Manifest, folder: string): Promise<void> {
  await mkdir(folder);
  const wanted = [...new Map(manifest.weights.map((weight) => [weight.id, weight.bytes]))];
  const worker = async () => {
    for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
      const [id, bytes] = next;
      await download.blob(`weights/${id}`, join(folder, id), { sha256: id, maxBytes: bytes });
    }
  };
  const stop = (error: unknown) => {
    wanted.length = 0;
    throw error;
  };
  // All have ended before the caller removes the folder that they write to.
  const outcomes = await Promise.allSettled(Array.from({ length: CONCURRENCY }, () => worker().catch(stop)));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Makes the finished folder visible; if another process was faster, its copy is as good. */
async function publish(scratch: string, target: string): Promise<string> {
  try {
    await rename(scratch, target);
  } catch (error) {
    const there = await stat(join(target, 'manifest.json')).catch(() => undefined);
    if (there === undefined) throw error;
    await rm(scratch, { recursive: true, force: true });
  }
  return target;
}

class Download {
  readonly #source: ModelSource;
  readonly #hash: string;

  constructor(source: ModelSource, hash: string) {
    this.#source = source;
    this.#hash = hash;
  }

  async manifest(file: string): Promise<Manifest> {
    const bytes = await readBytes(await this.#get('manifest.json'), MAX_MANIFEST_BYTES);
    const manifest = parseManifest(bytes);
    if (manifest.hash !== this.#hash) throw this.#corrupt('manifest.json', this.#hash, manifest.hash);
    await writeFile(file, bytes);
    return manifest;
  }

  async sidecar(file: string): Promise<void> {
    const response = await this.#get('model.d3.json', [404, 422]);
    if (!response.ok) {
      await response.body?.cancel();
      return;
    }
    await writeFile(file, await readBytes(response, MAX_SIDECAR_BYTES));
  }

  async blob(name: string, file: string, wanted: { sha256: string; maxBytes: number }): Promise<void> {
    const { body } = await this.#get(name);
    if (body === null) throw this.#corrupt(name, wanted.sha256, 'nothing');
    const hash = createHash('sha256');
    const meter = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(body), limitBytes(wanted.maxBytes), meter, createWriteStream(file));
    const actual = hash.digest('hex');
    if (actual !== wanted.sha256) throw this.#corrupt(name, wanted.sha256, actual);
  }

  async #get(name: string, allowed: readonly number[] = []): Promise<Response> {
    return await get(this.#source, `/d3/models/${this.#hash}/${name}`, { allowed });
  }

  #corrupt(file: string, expected: string, actual: string): Error {
    return serverError('SERVER_MODEL_CORRUPT', { file, model: this.#hash, expected, actual });
  }
}

/** Asks a server for a path; another status than 2xx, and those allowed, is an error. */
export async function get(
  source: ModelSource,
  path: string,
  options: { readonly allowed?: readonly number[]; readonly timeoutMs?: number } = {},
): Promise<Response> {
  const { allowed = [], timeoutMs } = options;
  const headers = source.token === undefined ? {} : { authorization: `Bearer ${source.token}` };
  const response = await fetch(new URL(path, source.url), {
    headers,
    redirect: 'error',
    ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
  });
  if (!response.ok && !allowed.includes(response.status)) {
    await response.body?.cancel();
    throw new Error(`it answered ${response.status} for ${path}`);
  }
  return response;
}

/** The body of an answer, at most `maxBytes` long. */
export async function readBytes(response: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (response.body === null) return new Uint8Array();
  const chunks: Buffer[] = [];
  let seen = 0;
  // Iterated, not piped: a pipe would neither end nor pass the error on when the connection breaks.
  for await (const chunk of Readable.fromWeb(response.body)) {
    seen += (chunk as Buffer).byteLength;
    if (seen > maxBytes) throw tooLong(maxBytes);
    chunks.push(chunk as Buffer);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function limitBytes(maxBytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.byteLength;
      if (seen > maxBytes) done(tooLong(maxBytes));
      else done(null, chunk);
    },
  });
}

function tooLong(maxBytes: number): RangeError {
  return new RangeError(`more than the ${maxBytes} bytes that are allowed`);
}
