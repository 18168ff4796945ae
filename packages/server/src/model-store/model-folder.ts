import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, parseManifest } from '@d3/onnx';

/** A packed model on this machine. */
export interface StoredModel {
  readonly manifest: Manifest;
  /** Absolute folder with manifest.json, graph.onnx and weights/. */
  readonly folder: string;
  readonly hasSidecar: boolean;
}

/** Longest manifest.json that is read. */
export const MAX_MANIFEST_BYTES: number = 64 << 20;

interface Entry {
  readonly stamp: string;
  readonly modifiedMs: number;
  /** Absent: the manifest could not be read; it is tried again when the file changes. */
  readonly model?: StoredModel;
}

/**
 * The packed models in the subfolders of one folder. It is looked at again on every listing, so a model that is packed into it
 * appears without a restart; manifests are parsed once per change. Names in requests never become paths: they are compared with
 * what the manifests say.
 */
export class ModelFolder {
  readonly #root: string;
  readonly #onSkip: (folder: string, reason: unknown) => void;
  #entries: ReadonlyMap<string, Entry> = new Map();

  /** @param onSkip - told once per change about a subfolder that holds no readable model */
  constructor(root: string, onSkip: (folder: string, reason: unknown) => void) {
    this.#root = root;
    this.#onSkip = onSkip;
  }

  /** Every readable model, newest first. A folder that does not exist (yet) is an empty one. */
  async list(): Promise<readonly StoredModel[]> {
    const names = await subfolders(this.#root);
    const entries = new Map<string, Entry>();
    for (const name of names) {
      const entry = await this.#read(join(this.#root, name), this.#entries.get(name));
      if (entry !== undefined) entries.set(name, entry);
    }
    this.#entries = entries;
    return [...entries.values()]
      .sort((a, b) => b.modifiedMs - a.modifiedMs)
      .flatMap(({ model }) => (model === undefined ? [] : [model]));
  }

  async #read(folder: string, known: Entry | undefined): Promise<Entry | undefined> {
    const file = join(folder, 'manifest.json');
    const [found, sidecar] = await Promise.all([statOf(file), statOf(join(folder, 'model.d3.json'))]);
    if (found === undefined) return undefined;
    const stamp = `${found.mtimeMs}/${found.size}/${sidecar?.mtimeMs ?? ''}`;
    if (known?.stamp === stamp) return known;
    const entry = { stamp, modifiedMs: found.mtimeMs };
    try {
      if (found.size > MAX_MANIFEST_BYTES) throw new RangeError(`manifest.json has ${found.size} bytes`);
      const manifest = parseManifest(new Uint8Array(await readFile(file)));
      return { ...entry, model: { manifest, folder, hasSidecar: sidecar !== undefined } };
    } catch (reason) {
      this.#onSkip(folder, reason);
      return entry;
    }
  }
}

async function subfolders(root: string): Promise<readonly string[]> {
  try {
    return (await readdir(root)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function statOf(file: string): Promise<Stats | undefined> {
  return await stat(file).catch(() => undefined);
}
