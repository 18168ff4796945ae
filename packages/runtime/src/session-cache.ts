import type { SegmentModel } from '@d3/onnx';
import { abortable } from './abortable.ts';
import type { Backend, SegmentSession, SegmentSpec } from './backend.ts';

/** How much a {@link SessionCache} keeps. */
export interface SessionCacheOptions {
  /**
   * Weights and graphs of all its sessions together, in bytes; those in use may go beyond. Default 512 MiB. Sessions of one
   * mapped file share memory and are counted each by itself.
   */
  readonly maxWeightBytes?: number;
}

/** A prepared segment on loan. */
export interface SessionLease {
  readonly session: SegmentSession;
  /** What it was prepared from. */
  readonly model: SegmentModel;
  /** Gives it back; the session must not be used any more through this lease. Calling it again does nothing. */
  release(): void;
}

interface Prepared {
  readonly session: SegmentSession;
  readonly model: SegmentModel;
}

interface Entry {
  readonly id: string;
  readonly prepared: Promise<Prepared>;
  users: number;
  weightBytes: number;
}

const MAX_WEIGHT_BYTES = 512 * 2 ** 20;

/**
 * Prepared segments of one backend by their id, so that going back to an earlier plan costs nothing.
 *
 * Callers that want the same segment at once share one preparation. What is on loan stays; of the rest, the least recently used
 * go when there is too much. A preparation that fails is forgotten, as is everything when the backend is lost.
 */
export class SessionCache {
  readonly #backend: Backend;
  readonly #maxWeightBytes: number;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();

  constructor(backend: Backend, options: SessionCacheOptions = {}) {
    this.#backend = backend;
    this.#maxWeightBytes = options.maxWeightBytes ?? MAX_WEIGHT_BYTES;
    void backend.lost.then(() => this.#entries.clear());
  }

  /** Bytes of the segments it holds, on loan or not, as {@link SessionCacheOptions.maxWeightBytes} counts them. */
  get weightBytes(): number {
    return [...this.#entries.values()].reduce((sum, entry) => sum + entry.weightBytes, 0);
  }

  /** Ids of the segments it holds, the least recently used first. */
  get ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /**
   * Lends the segment of an id, prepared if it is not there. Release the lease when its last run has ended.
   *
   * @param makeSpec - called only when it has to be prepared
   * @param options.signal - ends this caller's wait; a preparation that others may share goes on
   * @throws what `makeSpec` and {@link Backend.prepare} throw
   */
  async lend(
    id: string,
    makeSpec: () => SegmentSpec | Promise<SegmentSpec>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<SessionLease> {
    options.signal?.throwIfAborted();
    const entry = this.#entries.get(id) ?? this.#prepare(id, makeSpec);
    this.#touch(entry);
    entry.users += 1;
    try {
      return this.#lease(
        entry,
        await (options.signal === undefined ? entry.prepared : abortable(entry.prepared, options.signal)),
      );
    } catch (error) {
      this.#giveBack(entry);
      throw error;
    }
  }

  /** Disposes every session, those on loan included; later loans are prepared anew. */
  async clear(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(disposeEntry));
  }

  #prepare(id: string, makeSpec: () => SegmentSpec | Promise<SegmentSpec>): Entry {
    const build = async (): Promise<Prepared> => {
      const spec = await makeSpec();
      entry.weightBytes = weightBytesOf(spec);
      return { session: await this.#backend.prepare(spec), model: spec.model };
    };
    // One turn later, so that the entry exists whatever `makeSpec` does.
    const entry: Entry = { id, users: 0, weightBytes: 0, prepared: Promise.resolve().then(build) };
    this.#entries.set(id, entry);
    entry.prepared.then(
      () => this.#evict(),
      () => this.#forget(entry),
    );
    return entry;
  }

  #lease(entry: Entry, prepared: Prepared): SessionLease {
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#giveBack(entry);
    };
    return { ...prepared, release };
  }

  #giveBack(entry: Entry): void {
    entry.users -= 1;
    this.#evict();
  }

  #touch(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.#entries.set(entry.id, entry);
  }

  #forget(entry: Entry): void {
    if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
  }

  #evict(): void {
    let excess = this.weightBytes - this.#maxWeightBytes;
    for (const entry of [...this.#entries.values()]) {
      if (excess <= 0) return;
      if (entry.users > 0) continue;
      excess -= entry.weightBytes;
      this.#forget(entry);
      void disposeEntry(entry);
    }
  }
}

function weightBytesOf({ model }: SegmentSpec): number {
  const byId = new Map(model.weights.map(({ id, bytes }) => [id, bytes]));
  return [...byId.values()].reduce((sum, bytes) => sum + bytes, model.bytes.byteLength);
}

/** Also one that is still being prepared; one that failed holds nothing. */
function disposeEntry(entry: Entry): Promise<void> {
  return entry.prepared.then(
    ({ session }) => session.dispose(),
    () => undefined,
  );
}
