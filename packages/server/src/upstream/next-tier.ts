import { isD3Error } from '@d3/errors';
import type { LinkClient, Proposal, Ready } from '@d3/protocol';
import { serverError } from '../errors.ts';
import type { Upstream } from './upstream.ts';

/** A model may have to be fetched and warmed there. */
const PREPARE_WITHIN_MS = 300_000;

interface Connection {
  readonly link: Promise<LinkClient>;
  /** Epochs that were proposed on this link. */
  readonly proposed: Map<number, Promise<Ready>>;
  /** Those of them that are ready. */
  readonly ready: Map<number, LinkClient>;
}

/**
 * The next tier as one link from below sees it: a link of its own, opened when the first epoch needs it. After a loss it is opened
 * again on the next need, and epochs are proposed again, so that the loss costs only what was in flight.
 */
export class NextTier {
  readonly #tier: string;
  readonly #upstream: Upstream | undefined;
  #connection: Connection | undefined;
  #closed = false;

  constructor(tier: string, upstream: Upstream | undefined) {
    this.#tier = tier;
    this.#upstream = upstream;
  }

  /**
   * A link on which the epoch is ready.
   *
   * @throws D3Error `SERVER_UPSTREAM_MISSING`, `SERVER_UPSTREAM_LOST`, or why the next tier cannot use the proposal
   */
  async ready(proposal: Proposal): Promise<{ readonly link: LinkClient; readonly ready: Ready }> {
    const { epoch } = proposal;
    if (this.#upstream === undefined) throw serverError('SERVER_UPSTREAM_MISSING', { epoch, tier: this.#tier });
    const connection = this.#connect(this.#upstream);
    const link = await connection.link.catch((error) => {
      throw this.lost((error as Error).message, error);
    });
    const known = connection.proposed.get(epoch);
    const proposing = known ?? link.ask('propose', proposal, { timeoutMs: PREPARE_WITHIN_MS });
    connection.proposed.set(epoch, proposing);
    try {
      const ready = await proposing;
      if (connection.proposed.get(epoch) === proposing) connection.ready.set(epoch, link);
      return { link, ready };
    } catch (error) {
      connection.proposed.delete(epoch);
      throw link.open ? error : this.lost('it closed', error);
    }
  }

  /** The link, if the epoch is ready on it this moment. */
  peek(epoch: number): LinkClient | undefined {
    const link = this.#connection?.ready.get(epoch);
    return link?.open === true && !this.away ? link : undefined;
  }

  /** Whether the tier is known to be gone; it may be back before that is known. */
  get away(): boolean {
    return this.#upstream !== undefined && this.#upstream.state === undefined;
  }

  /** That it is gone, as an error. */
  lost(reason: string, cause?: unknown): Error {
    return serverError(
      'SERVER_UPSTREAM_LOST',
      { tier: this.#tier, upstream: this.#upstream?.url ?? '', reason },
      { cause },
    );
  }

  /** Frees an epoch there, if it ever came there. */
  release(epoch: number): void {
    const connection = this.#connection;
    if (connection?.proposed.delete(epoch) !== true) return;
    connection.ready.delete(epoch);
    // A link that is gone has freed it already.
    connection.link.then((link) => link.ask('release', { epoch })).catch(() => undefined);
  }

  /** Closes the link, and with it all its epochs. */
  close(): void {
    this.#closed = true;
    this.#connection?.link.then((link) => link.close()).catch(() => undefined);
    this.#connection = undefined;
  }

  #connect(upstream: Upstream): Connection {
    if (this.#connection !== undefined) return this.#connection;
    const link = upstream.open();
    const connection = { link, proposed: new Map<number, Promise<Ready>>(), ready: new Map<number, LinkClient>() };
    this.#connection = connection;
    const forget = () => {
      if (this.#connection === connection) this.#connection = undefined;
    };
    link.then(async (opened) => {
      if (this.#closed) opened.close();
      await opened.closed;
      forget();
    }, forget);
    return connection;
  }

  /** An error of work on {@link ready}'s link, as this tier says it: a link that closed is a lost upstream. */
  explain(error: unknown): unknown {
    return isD3Error(error, 'PROTOCOL_LINK_CLOSED') ? this.lost(error.message, error) : error;
  }
}
