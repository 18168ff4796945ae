import { isD3Error } from '@d3/errors';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import { type Hello, type LinkClient, type LinkNotice, openLink, type Welcome } from '@d3/protocol';
import { clientError } from '../errors.ts';
import type { EdgeAddress } from './edge-address.ts';
import type { Host } from './host.ts';
import { measureLink } from './measure-link.ts';

/** What opening an {@link Uplink} takes. */
export interface UplinkOptions {
  readonly address: EdgeAddress;
  readonly hello: Hello;
  /** Rate that a download from the same edge has shown. */
  readonly downBytesPerMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Version of this package, as hello gives it. */
export const AGENT = 'd3-client/0.1.0';

/** A greeted and measured link to the edge, with all that the edge said of the tiers and links behind it. */
export class Uplink {
  readonly client: LinkClient;
  readonly welcome: Welcome;
  /** Tiers behind this hop, nearest first. */
  profiles: readonly TierProfile[];
  /** This hop, then those behind it. */
  links: readonly LinkEstimate[];
  /** The edge takes nothing new. */
  draining = false;
  /** Called when the edge reports a change, after the fields here changed. */
  onStatus: () => void = () => undefined;
  /** Called when the edge says that it is going away. */
  onDraining: (reason: string) => void = () => undefined;

  private constructor(client: LinkClient, welcome: Welcome, first: LinkEstimate) {
    this.client = client;
    this.welcome = welcome;
    this.profiles = welcome.tiers.map((tier) => tier.profile);
    this.links = [first, ...welcome.links];
  }

  /**
   * Connects, greets and measures.
   *
   * @throws D3Error `CLIENT_EDGE_UNREACHABLE`, whatever the edge answers to hello; the signal's reason when aborted
   */
  static async open(host: Host, options: UplinkOptions): Promise<Uplink> {
    let uplink: Uplink | undefined;
    // Heard between hello and the end of the measurement.
    const early: LinkNotice[] = [];
    const client = await openClient(host, options, (notice) => {
      if (uplink === undefined) early.push(notice);
      else uplink.#notice(notice);
    });
    try {
      const reply = options.signal === undefined ? {} : { signal: options.signal };
      const welcome = await client.ask('hello', options.hello, reply);
      uplink = new Uplink(client, welcome, await measureLink(client, options));
      for (const notice of early) uplink.#notice(notice);
      return uplink;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  #notice(notice: LinkNotice): void {
    if (notice.type === 'status') {
      const { profiles, links } = notice.notice;
      this.profiles = this.profiles.map((old) => profiles.find((profile) => profile.tier === old.tier) ?? old);
      if (links.length === this.links.length - 1) this.links = [...this.links.slice(0, 1), ...links];
      this.onStatus();
    } else if (notice.type === 'draining') {
      this.draining = true;
      this.onDraining(notice.notice.reason);
    }
  }
}

async function openClient(
  host: Host,
  { address, signal }: UplinkOptions,
  onNotice: (notice: LinkNotice) => void,
): Promise<LinkClient> {
  try {
    const options = { url: address.link, hop: 'device-edge', onNotice };
    return await openLink(host.createSocket(address.link), options, signal === undefined ? {} : { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const problem = isD3Error(cause) && 'reason' in cause.details ? String(cause.details.reason) : String(cause);
    throw await edgeUnreachable(host, { edge: address.link, problem, cause });
  }
}

/** `CLIENT_EDGE_UNREACHABLE`, with what the browser tells of its permission for private addresses. */
export async function edgeUnreachable(
  host: Host,
  failure: { readonly edge: string; readonly problem: string; readonly cause?: unknown },
): Promise<Error> {
  const { edge, problem, cause } = failure;
  const state = await host.localNetworkPermission();
  const asks = ` The browser's permission for this page to reach private addresses (Local Network Access) is '${state}'.`;
  const permission = state === undefined ? '' : asks;
  return clientError('CLIENT_EDGE_UNREACHABLE', { edge, problem, permission, permissionState: state }, { cause });
}
