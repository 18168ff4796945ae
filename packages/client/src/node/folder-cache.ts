import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobCache } from '../session-core/host.ts';
import { MemoryCache } from '../session-core/memory-cache.ts';

/** Blobs as files of one folder, made when first written to. What the disk refuses stays in memory. */
export class FolderCache implements BlobCache {
  readonly #folder: string;
  readonly #memory = new MemoryCache();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const inMemory = await this.#memory.get(key);
    if (inMemory !== undefined) return inMemory;
    try {
      return new Uint8Array(await readFile(this.#path(key)));
    } catch {
      return undefined;
    }
  }

  async has(key: string): Promise<boolean> {
    if (await this.#memory.has(key)) return true;
    return await access(this.#path(key)).then(
      () => true,
      () => false,
    );
  }

  async put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    // Written aside and renamed, so that no reader, nor a crash, meets half a file.
    const part = `${this.#path(key)}.${crypto.randomUUID()}.part`;
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(part, bytes);
      await rename(part, this.#path(key));
    } catch {
      await rm(part, { force: true }).catch(() => undefined);
      await this.#memory.put(key, bytes);
    }
  }

  async delete(key: string): Promise<void> {
    await this.#memory.delete(key);
    await rm(this.#path(key), { force: true }).catch(() => undefined);
  }

  #path(key: string): string {
    return join(this.#folder, encodeURIComponent(key));
  }
}
