import { clientError } from '../errors.ts';

/** An edge's two doors. */
export interface EdgeAddress {
  /** `ws://` or `wss://` address of the link. */
  readonly link: string;
  /** `http(s)://…/` folder of the packed models, with a slash at its end. */
  readonly models: string;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Reads the option `edge`: the address of a link, or of a server's root.
 *
 * @param securePage - origin of the secure page that asks, if one does
 * @throws D3Error `CLIENT_OPTION_INVALID` for what is no ws address, `CLIENT_EDGE_INSECURE` for `ws://` to another host from a
 * secure page
 */
export function parseEdgeAddress(edge: string, securePage?: string): EdgeAddress {
  const url = URL.canParse(edge) ? new URL(edge) : undefined;
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) {
    const remedy = 'give a ws:// or wss:// address such as ws://127.0.0.1:7001/d3/link';
    throw clientError('CLIENT_OPTION_INVALID', { option: 'edge', value: `'${edge}'`, remedy });
  }
  if (securePage !== undefined && url.protocol === 'ws:' && !LOOPBACK.test(url.hostname)) {
    throw clientError('CLIENT_EDGE_INSECURE', { page: securePage, edge });
  }
  if (url.pathname === '/') url.pathname = '/d3/link';
  url.hash = '';
  const models = new URL('models/', url);
  models.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
  models.search = '';
  return { link: url.href, models: models.href };
}
