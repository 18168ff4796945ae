import {
  type CostGraph,
  type LayerCost,
  predictSegmentMs,
  type StoredProfile,
  segmentCosts,
  slowProfile,
  type TierProfile,
  tierProfile,
} from '@d3/profile';
import type { Backend, BackendName } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type { Host } from './host.ts';
import { type MeasureOptions, measureBackend } from './measure-backend.ts';
import { readCachedProfile, writeCachedProfile } from './profile-cache.ts';

/** How the device's backends are to be opened. */
export interface DeviceOptions {
  readonly backends?: readonly BackendName[];
  readonly slowdown: number;
  readonly assets?: string;
  /** Called with the share of the measuring that is done; not at all when an earlier visit measured. */
  readonly onProgress?: (fraction: number) => void;
}

/** What the time of a network depends on; see {@link networkCosts}. */
export type NetworkCosts = readonly LayerCost[];

/** What the time of a whole network depends on, for choosing a backend by it. */
export function networkCosts(graph: CostGraph): NetworkCosts {
  return segmentCosts(
    graph,
    graph.layers.map((_, index) => index),
  );
}

/** A backend that works here, with its speed, slowdown included. */
interface Candidate {
  readonly name: BackendName;
  profile: TierProfile;
  /** Numeric class of the backend that was measured: another one is another runtime. */
  runtime: string;
  /** Still open from its measurement. */
  backend?: Backend;
}

/**
 * The backends of this device: measured one after the other (at once they would disturb each other), the fastest in use.
 * One that is lost is replaced by the next.
 */
export class Device {
  readonly #host: Host;
  readonly #options: DeviceOptions;
  readonly #candidates: Candidate[];
  #current: { readonly candidate: Candidate; readonly backend: Backend } | undefined;

  private constructor(host: Host, options: DeviceOptions, candidates: Candidate[]) {
    this.#host = host;
    this.#options = options;
    this.#candidates = candidates;
  }

  /**
   * Finds and measures the backends that work here; profiles of an earlier visit are believed.
   *
   * @throws D3Error `CLIENT_BACKEND_UNAVAILABLE`; the signal's reason when aborted
   */
  static async measure(host: Host, options: DeviceOptions, signal?: AbortSignal): Promise<Device> {
    const candidates: Candidate[] = [];
    const failures: string[] = [];
    const device = new Device(host, options, candidates);
    try {
      const names = options.backends ?? host.backends;
      for (const [at, name] of names.entries()) {
        signal?.throwIfAborted();
        const onProgress = (fraction: number) => options.onProgress?.((at + fraction) / names.length);
        const how = { onProgress, ...(signal && { signal }) };
        await device.#addCandidate(name, how).catch((error: Error) => failures.push(`${name}: ${error.message}`));
      }
      signal?.throwIfAborted();
      if (candidates.length === 0) {
        throw clientError('CLIENT_BACKEND_UNAVAILABLE', { tried: failures.join('; ') || 'none allowed' });
      }
      return device;
    } catch (error) {
      await device.dispose();
      throw error;
    }
  }

  /** @throws D3Error `CLIENT_BACKEND_UNAVAILABLE` before {@link use} */
  get backend(): Backend {
    return this.#inUse().backend;
  }

  /** Speed of the backend in use. */
  get profile(): TierProfile {
    return this.#inUse().candidate.profile;
  }

  /**
   * Opens the backend that by its measured profile runs a network fastest, and closes the others. One whose profile turns out to be
   * of another runtime is measured again.
   *
   * @param except - a backend that was lost just now: the last choice
   * @throws D3Error `CLIENT_BACKEND_UNAVAILABLE`
   */
  async use(network: NetworkCosts, except?: BackendName): Promise<Backend> {
    const failures: string[] = [];
    for (const candidate of this.#byTime(network, except)) {
      try {
        const backend = await this.#open(candidate);
        await this.#replace({ candidate, backend });
        return backend;
      } catch (error) {
        failures.push(`${candidate.name}: ${(error as Error).message}`);
      }
    }
    throw clientError('CLIENT_BACKEND_UNAVAILABLE', { tried: failures.join('; ') });
  }

  /** Name of the backend that measurement prefers for a network. */
  preferred(network: NetworkCosts): BackendName | undefined {
    return this.#byTime(network)[0]?.name;
  }

  /** Ends every open backend; what was measured can still be read. */
  async dispose(): Promise<void> {
    const open = [this.#current?.backend, ...this.#candidates.map((candidate) => candidate.backend)];
    for (const candidate of this.#candidates) delete candidate.backend;
    await Promise.all([...new Set(open)].map((backend) => backend?.dispose()));
  }

  #inUse(): { readonly candidate: Candidate; readonly backend: Backend } {
    if (this.#current === undefined) throw clientError('CLIENT_BACKEND_UNAVAILABLE', { tried: 'none is open' });
    return this.#current;
  }

  #byTime(network: NetworkCosts, last?: BackendName): Candidate[] {
    const timeMs = ({ profile }: Candidate) => predictSegmentMs(profile, network);
    const isLast = ({ name }: Candidate) => Number(name === last);
    return this.#candidates.toSorted((a, b) => isLast(a) - isLast(b) || timeMs(a) - timeMs(b));
  }

  async #addCandidate(name: BackendName, how: Omit<MeasureOptions, 'hardware'>): Promise<void> {
    const cached = await readCachedProfile(this.#host, name);
    if (cached !== undefined) {
      this.#candidates.push({ name, ...this.#told(cached) });
      return;
    }
    const backend = await this.#host.openBackend(this.#request(name, 1));
    try {
      const told = this.#told(await this.#measure(backend, how));
      const keep = this.#options.slowdown === 1;
      this.#candidates.push({ name, ...told, ...(keep && { backend }) });
      if (!keep) await backend.dispose();
    } catch (error) {
      await backend.dispose();
      throw error;
    }
  }

  async #measure(backend: Backend, how: Omit<MeasureOptions, 'hardware'>): Promise<StoredProfile> {
    const stored = await measureBackend(backend, { hardware: this.#host.machine, ...how });
    await writeCachedProfile(this.#host, backend.name, stored);
    return stored;
  }

  async #open(candidate: Candidate): Promise<Backend> {
    const { name, backend: open } = candidate;
    delete candidate.backend;
    if (open !== undefined) return open;
    const backend = await this.#host.openBackend(this.#request(name, this.#options.slowdown));
    if (backend.numericClass !== candidate.runtime) Object.assign(candidate, await this.#measureAgain(backend));
    return backend;
  }

  /** A slowed backend would take as much longer to measure. */
  async #measureAgain(backend: Backend): Promise<Pick<Candidate, 'profile' | 'runtime'>> {
    if (backend.slowdown === 1) return this.#told(await this.#measure(backend, {}));
    const unslowed = await this.#host.openBackend(this.#request(backend.name, 1));
    try {
      return this.#told(await this.#measure(unslowed, {}));
    } finally {
      await unslowed.dispose();
    }
  }

  async #replace(next: { readonly candidate: Candidate; readonly backend: Backend }): Promise<void> {
    this.#current = next;
    const idle = this.#candidates.map((candidate) => candidate.backend);
    for (const candidate of this.#candidates) delete candidate.backend;
    await Promise.all(idle.map((backend) => backend?.dispose()));
  }

  #request(name: BackendName, slowdown: number) {
    const { assets } = this.#options;
    return { name, slowdown, ...(assets !== undefined && { assets }) };
  }

  #told(stored: StoredProfile): Pick<Candidate, 'profile' | 'runtime'> {
    const profile = slowProfile(tierProfile('device', stored), this.#options.slowdown);
    return { profile, runtime: stored.key.runtime };
  }
}
