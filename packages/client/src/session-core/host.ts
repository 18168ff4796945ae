import type { LinkSocket } from '@d3/protocol';
import type { Backend, BackendName, Picture } from '@d3/runtime';
import type { Drawn, DrawnInput } from './draw-input.ts';

/** How one backend is to be opened. */
export interface BackendRequest {
  readonly name: BackendName;
  /** Factor ≥ 1 by which it really is slowed. */
  readonly slowdown: number;
  /** URL of the folder with the runtime's wasm files, where the host needs one. */
  readonly assets?: string;
}

/**
 * Blobs by content address, kept as long as the host can.
 *
 * Nothing read from it is trusted: the caller checks hashes. It never rejects for want of space: what does not fit on disk
 * stays in memory.
 */
export interface BlobCache {
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Whether there is a blob, without reading it. Never rejects. */
  has(key: string): Promise<boolean>;
  put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  delete(key: string): Promise<void>;
}

/** The part of `RequestInit` that both have. */
export interface FetchInit {
  readonly headers: Record<string, string>;
  readonly signal?: AbortSignal;
  /** `no-store`: blobs are cached here already, and once is enough. */
  readonly cache: 'no-store' | 'default';
}

/** What the session core needs of its surroundings; one for browsers, one for Node. */
export interface Host {
  /** Names this kind of machine and software for cached profiles, e.g. the user agent. */
  readonly machine: string;
  /** Backends that may exist here, likely best first. */
  readonly backends: readonly BackendName[];
  readonly cache: BlobCache;
  /** Weights that this device may hold at most, by a cautious guess. */
  readonly memoryBytes: number;
  /** Origin of the secure page that this runs for; absent outside browsers and on plain http. */
  readonly securePage?: string;
  fetch(url: string, init: FetchInit): Promise<Response>;
  createSocket(url: string): LinkSocket;
  /** @throws D3Error `RUNTIME_UNAVAILABLE` when this machine has no such backend */
  openBackend(request: BackendRequest): Promise<Backend>;
  /** Makes a network input from a picture, without holding up this thread's timers where the host can. */
  drawPicture(picture: Picture, entry: DrawnInput): Promise<Drawn>;
  /** State of the browser's permission to reach private addresses, where it tells: `granted`, `denied`, `prompt`. */
  localNetworkPermission(): Promise<string | undefined>;
}
