import type { SegmentSession } from '@d3/runtime';

/** A prepared segment in use; `release` says that this user is done with it. */
export interface SegmentLease {
  readonly session: SegmentSession;
  release(): void;
}

interface Entry {
  readonly session: Promise<SegmentSession>;
  users: number;
}

/** Prepared segments by key, shared by the epochs that cut the same: switching costs the device nothing then. */
export class SharedSegments {
  readonly #entries = new Map<string, Entry>();

  /** The segment under `key`, made by `make` unless it is in use already; freed when its last user releases it. */
  async lease(key: string, make: () => Promise<SegmentSession>): Promise<SegmentLease> {
    const entry = this.#entries.get(key) ?? { session: make(), users: 0 };
    this.#entries.set(key, entry);
    entry.users += 1;
    let held = true;
    const release = () => {
      if (held) this.#leave(key, entry);
      held = false;
    };
    try {
      return { session: await entry.session, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #leave(key: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    entry.session.then((session) => session.dispose()).catch(() => undefined);
  }
}
