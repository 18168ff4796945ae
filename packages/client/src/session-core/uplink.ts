import { isD3Error } from '@d3/errors';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import { type Hello, type LinkClient, LinkMonitor, type LinkNotice, openLink, type Welcome } from '@d3/protocol';
import { clientError } from '../errors.ts';
import type { EdgeAddress } from './edge-address.ts';
import type { Host } from './host.ts';

/** What opening an {@link Uplink} takes. */
export interface UplinkOptions {
  readonly address: EdgeAddress;
  readonly hello: Hello;
  /** Names the hop in timings; default `device-edge`. */
  readonly hop?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Version of this package, as hello gives it. */
export const AGENT = 'd3-client/0.1.0';

/** A greeted link to a server, measured from then on, with all that the server said of the tiers and links behind it. */
export class Uplink {
  readonly client: LinkClient;
  readonly welcome: Welcome;
  /** Measures this hop for as long as the link lives. */
  readonly monitor: LinkMonitor;
  /** Tiers behind this hop that are there, nearest first. */
  profiles: readonly TierProfile[];
  /** The links between them. */
  linksBehind: readonly LinkEstimate[];
  /** Models that the server has, name → hash, as it last said. */
  models: Readonly<Record<string, string>>;
  /** The server takes nothing new. */
  draining = false;
  /** Called when the server reports a change, or this hop left its band, after the fields here changed. */
  onStatus: () => void = () => undefined;
  /** Called when the server says that it is going away. */
  onDraining: (reason: string) => void = () => undefined;

  private constructor(client: LinkClient, welcome: Welcome) {
    this.client = client;
    this.welcome = welcome;
    this.monitor = new LinkMonitor(client);
    this.profiles = welcome.tiers.map((tier) => tier.profile);
    this.linksBehind = welcome.links;
    this.models = welcome.models;
    this.monitor.onChange(() => this.onStatus());
  }

  /** This hop, then those behind it. */
  get links(): readonly LinkEstimate[] {
    return [this.monitor.estimate, ...this.linksBehind];
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
      uplink = new Uplink(client, welcome);
      for (const notice of early) uplink.#notice(notice);
      await uplink.monitor.measure(reply);
      return uplink;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  #notice(notice: LinkNotice): void {
    if (notice.type === 'status') {
      const { profiles, links, models } = notice.notice;
      this.profiles = profiles;
      this.linksBehind = links;
      if (models !== undefined) this.models = models;
      this.onStatus();
    } else if (notice.type === 'draining') {
      this.draining = true;
      this.onDraining(notice.notice.reason);
    }
  }
}

async function openClient(
  host: Host,
  { address, signal, hop = 'device-edge' }: UplinkOptions,
  onNotice: (notice: LinkNotice) => void,
): Promise<LinkClient> {
  try {
    const options = { url: address.link, hop, onNotice };
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
