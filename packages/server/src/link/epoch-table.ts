import type { Proposal, Ready } from '@d3/protocol';
import { serverError } from '../errors.ts';
import { type EpochServices, type PreparedEpoch, prepareEpoch } from './prepared-epoch.ts';

interface Entry {
  readonly proposal: string;
  readonly preparing: Promise<PreparedEpoch>;
  prepared: PreparedEpoch | undefined;
  /** Requests under way. */
  users: number;
  released: boolean;
}

/** The epochs of one link. */
export class EpochTable {
  readonly #services: EpochServices;
  readonly #maxEpochs: number;
  readonly #entries = new Map<number, Entry>();

  constructor(services: EpochServices, maxEpochs: number) {
    this.#services = services;
    this.#maxEpochs = maxEpochs;
  }

  /**
   * Prepares a proposed epoch. The same proposal again gives the same answer.
   *
   * @throws D3Error `SERVER_TOO_MANY_EPOCHS`, `SERVER_PROPOSAL_INVALID`, and what preparing throws; the epoch is then unknown
   */
  async propose(proposal: Proposal): Promise<Ready> {
    const { epoch, model } = proposal;
    const text = JSON.stringify(proposal);
    const known = this.#entries.get(epoch);
    if (known !== undefined) {
      if (known.proposal === text && !known.released) return (await known.preparing).ready;
      const problem = 'this link uses the number for another plan; count on';
      throw serverError('SERVER_PROPOSAL_INVALID', { epoch, model, tier: this.#services.tier, problem });
    }
    const count = this.#entries.size;
    if (count >= this.#maxEpochs) throw serverError('SERVER_TOO_MANY_EPOCHS', { count, max: this.#maxEpochs });
    return (await this.#prepare(proposal, text)).ready;
  }

  /**
   * An epoch that is ready, kept from being freed until the returned function is called.
   *
   * @throws D3Error `SERVER_EPOCH_UNKNOWN`
   */
  use(epoch: number): { readonly prepared: PreparedEpoch; readonly end: () => void } {
    const entry = this.#entries.get(epoch);
    const prepared = this.find(epoch);
    if (entry === undefined) throw serverError('SERVER_EPOCH_UNKNOWN', { epoch, tier: this.#services.tier });
    entry.users++;
    const end = () => {
      entry.users--;
      this.#freeIfUnused(epoch, entry);
    };
    return { prepared, end };
  }

  /** An epoch that is ready; undefined for any other. */
  peek(epoch: number): PreparedEpoch | undefined {
    const entry = this.#entries.get(epoch);
    return entry?.released === false ? entry.prepared : undefined;
  }

  /** @throws D3Error `SERVER_EPOCH_UNKNOWN` */
  find(epoch: number): PreparedEpoch {
    const prepared = this.peek(epoch);
    if (prepared === undefined) throw serverError('SERVER_EPOCH_UNKNOWN', { epoch, tier: this.#services.tier });
    return prepared;
  }

  /** Frees an epoch once its last request has ended; it takes no new ones. Unknown ones are ignored. */
  release(epoch: number): void {
    const entry = this.#entries.get(epoch);
    if (entry === undefined) return;
    entry.released = true;
    this.#freeIfUnused(epoch, entry);
  }

  /** Those that are ready and not released. */
  get ready(): readonly PreparedEpoch[] {
    return [...this.#entries.keys()].flatMap((epoch) => this.peek(epoch) ?? []);
  }

  /** Releases all. */
  clear(): void {
    for (const epoch of [...this.#entries.keys()]) this.release(epoch);
  }

  async #prepare(proposal: Proposal, text: string): Promise<PreparedEpoch> {
    const preparing = prepareEpoch(proposal, this.#services);
    const entry: Entry = { proposal: text, preparing, prepared: undefined, users: 0, released: false };
    this.#entries.set(proposal.epoch, entry);
    try {
      entry.prepared = await preparing;
    } catch (error) {
      this.#entries.delete(proposal.epoch);
      throw error;
    }
    this.#freeIfUnused(proposal.epoch, entry);
    return entry.prepared;
  }

  #freeIfUnused(epoch: number, entry: Entry): void {
    if (!entry.released || entry.users > 0 || entry.prepared === undefined) return;
    if (this.#entries.get(epoch) !== entry) return;
    this.#entries.delete(epoch);
    entry.prepared.own?.release();
    entry.prepared.standIn?.stop();
    this.#services.nextTier.release(epoch);
  }
}
