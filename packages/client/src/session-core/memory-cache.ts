import type { BlobCache } from './host.ts';

/** Keeps blobs in memory, for as long as it lives itself. */
export class MemoryCache implements BlobCache {
  readonly #blobs = new Map<string, Uint8Array<ArrayBuffer>>();

  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return Promise.resolve(this.#blobs.get(key));
  }

  has(key: string): Promise<boolean> {
    return Promise.resolve(this.#blobs.has(key));
  }

  put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#blobs.set(key, bytes);
    return Promise.resolve();
  }

  delete(key: string): Promise<void> {
    this.#blobs.delete(key);
    return Promise.resolve();
  }
}
