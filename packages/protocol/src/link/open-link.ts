import { linkError } from './errors.ts';
import { LinkClient, type LinkOptions } from './link-client.ts';
import { isOpen, type LinkSocket } from './socket.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Waits until a connecting socket is open and wraps it.
 *
 * @param connect.timeoutMs - 10,000 by default
 * @throws D3Error `PROTOCOL_LINK_UNREACHABLE`; the signal's reason when aborted. The socket is then closed.
 */
export function openLink(
  socket: LinkSocket,
  options: LinkOptions,
  connect: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<LinkClient> {
  const { timeoutMs = CONNECT_TIMEOUT_MS, signal } = connect;
  const client = new LinkClient(socket, options);
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      act();
    };
    const giveUp = (reason: unknown) => {
      settle(() => reject(reason));
      socket.close();
    };
    const unreachable = (reason: string) => linkError('PROTOCOL_LINK_UNREACHABLE', { url: options.url, reason });
    const abort = () => giveUp(signal?.reason);
    const timer = setTimeout(() => giveUp(unreachable(`no connection within ${timeoutMs} ms`)), timeoutMs);
    signal?.addEventListener('abort', abort);
    socket.addEventListener('open', () => settle(() => resolve(client)));
    socket.addEventListener('error', ({ message }) => {
      if (message !== undefined && message !== '') settle(() => reject(unreachable(message)));
    });
    socket.addEventListener('close', ({ code, reason }) =>
      settle(() => reject(unreachable(`closed with ${code}${reason === '' ? '' : ` (${reason})`}`))),
    );
    if (isOpen(socket)) settle(() => resolve(client));
    else if (signal?.aborted) abort();
  });
}
