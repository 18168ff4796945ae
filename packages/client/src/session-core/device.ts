import type { TierProfile } from '@d3/profile';
import type { Backend, BackendName } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type { Host } from './host.ts';
import { measureBackend } from './measure-backend.ts';
import { readCachedProfile, writeCachedProfile } from './profile-cache.ts';

/** How the device's backends are to be opened. */
export interface DeviceOptions {
  readonly backends?: readonly BackendName[];
  readonly slowdown: number;
  readonly assets?: string;
}

/** A backend that works here, with its speed, slowdown included. */
interface Candidate {
  readonly name: BackendName;
  readonly profile: TierProfile;
  /** Still open from its measurement. */
  backend?: Backend;
}

const FLOPS_PER_MS = 1e6;

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
      for (const name of options.backends ?? host.backends) {
        signal?.throwIfAborted();
        await device.#addCandidate(name).catch((error: Error) => failures.push(`${name}: ${error.message}`));
      }
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
   * Opens the backend that would run a network of `flops` fastest, and closes the others.
   *
   * @param except - a backend that was lost just now: the last choice
   * @throws D3Error `CLIENT_BACKEND_UNAVAILABLE`
   */
  async use(flops: number, except?: BackendName): Promise<Backend> {
    const failures: string[] = [];
    for (const candidate of this.#byTime(flops, except)) {
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

  /** Name of the backend that measurement prefers for a network of `flops`. */
  preferred(flops: number): BackendName | undefined {
    return this.#byTime(flops)[0]?.name;
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

  #byTime(flops: number, last?: BackendName): Candidate[] {
    const timeMs = ({ profile }: Candidate) => flops / (profile.gflops * FLOPS_PER_MS) + profile.fixedMs;
    const isLast = ({ name }: Candidate) => Number(name === last);
    return this.#candidates.toSorted((a, b) => isLast(a) - isLast(b) || timeMs(a) - timeMs(b));
  }

  async #addCandidate(name: BackendName): Promise<void> {
    const cached = await readCachedProfile(this.#host, name);
    if (cached !== undefined) {
      this.#candidates.push({ name, profile: this.#slowed(cached) });
      return;
    }
    const backend = await this.#host.openBackend(this.#request(name, 1));
    try {
      const profile = await measureBackend(backend);
      await writeCachedProfile(this.#host, name, profile);
      const keep = this.#options.slowdown === 1;
      this.#candidates.push({ name, profile: this.#slowed(profile), ...(keep && { backend }) });
      if (!keep) await backend.dispose();
    } catch (error) {
      await backend.dispose();
      throw error;
    }
  }

  async #open(candidate: Candidate): Promise<Backend> {
    const { backend } = candidate;
    delete candidate.backend;
    return backend ?? (await this.#host.openBackend(this.#request(candidate.name, this.#options.slowdown)));
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

  #slowed(profile: TierProfile): TierProfile {
    const { slowdown } = this.#options;
    return { ...profile, gflops: profile.gflops / slowdown, fixedMs: profile.fixedMs * slowdown, slowdown };
  }
}
