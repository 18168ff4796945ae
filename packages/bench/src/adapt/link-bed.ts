import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type LinkClient, type LinkSocket, openLink } from '@d3/protocol';
import type { LinkShape } from '@d3/testkit';
import { WebSocket } from 'ws';

/** A shaped link. */
export interface LinkCell {
  readonly mbit: number;
  readonly roundTripMs: number;
}

/** A link to a farther end that answers each request with as many bytes as its epoch says. */
export interface LinkBed {
  readonly client: LinkClient;
  /** When the next request is whole at the farther end, by `performance.now()` of this one. */
  nextWholeMs(): Promise<number>;
  /** Ends the link and what is behind it. */
  close(): Promise<void>;
}

const BYTES_PER_MS_AND_MBIT = 125;

/** A cell's rate in bytes per ms. */
export function rateOf({ mbit }: LinkCell): number {
  return mbit * BYTES_PER_MS_AND_MBIT;
}

/** Opens a link on real sockets through the shaping proxy, with TCP's ramp; proxy and farther end have a thread of their own. */
export async function openLiveLink(cell: LinkCell): Promise<LinkBed> {
  const shape: LinkShape = { bytesPerMs: rateOf(cell), delayMs: cell.roundTripMs / 2, slowStart: true };
  // Run from its source or built: a worker needs the built file.
  const farEnd = new Worker(new URL('../../dist/adapt/link-far-end.js', import.meta.url), { workerData: shape });
  const [{ url }] = (await once(farEnd, 'message')) as [{ url: string }];
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const client = await openLink(socket as unknown as LinkSocket, { url, hop: 'near-far' });
  return {
    client,
    async nextWholeMs(): Promise<number> {
      const [{ wholeMs }] = (await once(farEnd, 'message')) as [{ wholeMs: number }];
      return wholeMs - performance.timeOrigin;
    },
    async close(): Promise<void> {
      client.close();
      await farEnd.terminate();
    },
  };
}
