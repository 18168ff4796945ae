import type { Backend, BackendName } from '@d3/runtime';
import type { Device, NetworkCosts } from './device.ts';

/** What a {@link BackendKeeper} asks of its session. */
export interface BackendListener {
  /** The backend in use was lost: `replace` opens another and is to be done before the next plan. */
  readonly onLost: (reason: string, replace: () => Promise<void>) => Promise<void>;
  /** The faster backend, lost before, may be there again: `replace` opens it. */
  readonly onRejoin: (name: BackendName, replace: () => Promise<void>) => Promise<void>;
}

/** How long after its loss the faster backend is tried again. */
const REJOIN_AFTER_MS = 5_000;

/** Keeps the device's backends: notices a loss, goes on with another, comes back, and ends those that nobody uses. */
export class BackendKeeper {
  readonly #device: Device;
  readonly #network: NetworkCosts;
  readonly #listener: BackendListener;
  readonly #ending: AbortSignal;
  readonly #open = new Set<Backend>();

  /**
   * @param options.network - for which the faster backend is chosen
   * @param options.ending - aborted when the session ends
   */
  constructor(
    device: Device,
    options: { readonly network: NetworkCosts; readonly ending: AbortSignal; readonly listener: BackendListener },
  ) {
    this.#device = device;
    this.#network = options.network;
    this.#ending = options.ending;
    this.#listener = options.listener;
    this.#watch(device.backend);
  }

  /** Ends the backends that are neither in use by the device nor among `used`. */
  endIdle(used: ReadonlySet<Backend>): void {
    for (const backend of this.#open) {
      if (used.has(backend) || backend === this.#device.backend) continue;
      this.#open.delete(backend);
      void backend.dispose();
    }
  }

  /** Ends all. */
  async dispose(): Promise<void> {
    await Promise.all([...this.#open].map((backend) => backend.dispose()));
    await this.#device.dispose();
  }

  #watch(backend: Backend): void {
    this.#open.add(backend);
    void backend.lost.then((reason) => {
      if (this.#ending.aborted || this.#device.backend !== backend) return;
      void this.#goOn(backend.name, reason);
    });
  }

  async #goOn(lost: BackendName, reason: string): Promise<void> {
    await this.#listener.onLost(`${lost}: ${reason}`, () => this.#use(lost));
    if (this.#ending.aborted || this.#device.backend.name === lost) return;
    if (this.#device.preferred(this.#network) !== lost) return;
    const timer = setTimeout(() => void this.#listener.onRejoin(lost, () => this.#use()), REJOIN_AFTER_MS);
    this.#ending.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  async #use(except?: BackendName): Promise<void> {
    this.#watch(await this.#device.use(this.#network, except));
  }
}
