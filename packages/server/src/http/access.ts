import type { FastifyInstance, FastifyRequest } from 'fastify';
import { serverError } from '../errors.ts';
import { isLoopback } from '../options.ts';
import { sameToken } from '../same-token.ts';

/** Who may use a server. */
export interface Access {
  readonly tier: string;
  readonly token: string | undefined;
  /** Undefined: every loopback origin. */
  readonly allowOrigins: readonly string[] | undefined;
  /** Where devices reach the server, as it was configured; its host is one of the server's names. */
  readonly publicUrl: string | undefined;
}

/** The link checks its token itself, in hello: a browser cannot send headers with a WebSocket. */
export const LINK_PATH = '/d3/link';

/** Whether a page of this origin may use the server. */
export function isAllowedOrigin(origin: string, { allowOrigins }: Access): boolean {
  if (allowOrigins !== undefined) return allowOrigins.includes('*') || allowOrigins.includes(origin);
  return URL.canParse(origin) && isLoopback(new URL(origin).hostname);
}

/**
 * Whether a request that names this host may be meant for the server. Without a token only loopback and the public address are: a page
 * whose name was made to point here, after it was loaded from elsewhere, counts as of the same origin and sends none.
 */
export function isOwnHost(host: string | undefined, { token, publicUrl }: Access): boolean {
  if (token !== undefined) return true;
  const name = host === undefined || !URL.canParse(`http://${host}`) ? undefined : new URL(`http://${host}`).hostname;
  if (name === undefined) return false;
  return (
    isLoopback(name) || (publicUrl !== undefined && URL.canParse(publicUrl) && new URL(publicUrl).hostname === name)
  );
}

/** Refuses, before anything else happens, requests under a foreign name, pages of foreign origins and requests without the token. Health is open to all. */
export function guard(app: FastifyInstance, access: Access): void {
  app.addHook('onRequest', async (request) => {
    const { origin, host } = request.headers;
    if (!isOwnHost(host, access)) {
      throw serverError('SERVER_HOST_REFUSED', { host: (host ?? '').slice(0, 256), tier: access.tier });
    }
    if (origin !== undefined && !isAllowedOrigin(origin, access)) {
      throw serverError('SERVER_ORIGIN_REFUSED', { origin, tier: access.tier });
    }
    if (!isOpen(request) && !sameTokenOf(request, access)) {
      throw serverError('SERVER_TOKEN_REFUSED', { tier: access.tier, what: 'request' });
    }
  });
}

/** Tells a browser that asks before it lets a page reach a private address that this one is meant. Before CORS is answered. */
export function allowPrivateNetwork(app: FastifyInstance, access: Access): void {
  app.addHook('onRequest', async ({ headers }, reply) => {
    const asked = headers['access-control-request-private-network'] !== undefined;
    if (asked && headers.origin !== undefined && isAllowedOrigin(headers.origin, access)) {
      reply.header('access-control-allow-private-network', 'true');
    }
  });
}

function isOpen({ method, url }: FastifyRequest): boolean {
  const path = url.split('?', 1)[0] ?? '';
  return method === 'OPTIONS' || path === LINK_PATH || path === '/v2' || path.startsWith('/v2/health/');
}

function sameTokenOf(request: FastifyRequest, { token }: Access): boolean {
  if (token === undefined) return true;
  const given = /^bearer (.*)$/i.exec(request.headers.authorization ?? '')?.[1];
  return sameToken(given, token);
}
