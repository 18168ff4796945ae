import { type LinkClient, type LinkOptions, openLink } from '@d3/protocol';
import { WebSocket } from 'ws';

/** Opens a link from Node. `@d3/protocol` says what may be thrown. */
export async function connectLink(
  options: LinkOptions,
  connect: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<LinkClient> {
  const socket = new WebSocket(options.url, { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });
  return await openLink(socket, options, connect);
}

/** Longest message of either kind: control texts may have 262,144 UTF-16 units, frames go in messages of 64 KiB. */
export const MAX_MESSAGE_BYTES: number = 1 << 20;
