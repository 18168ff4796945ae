import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { serverError } from './errors.ts';
import { checkOptions, type ServerOptions } from './options.ts';
import { d3Server } from './plugin.ts';

/** A server that listens, for {@link serve}. */
export interface ServeOptions extends ServerOptions {
  /** Default: any free one. */
  readonly port?: number;
  /** Take any free port if `port` is in use. Default false. */
  readonly orFreePort?: boolean;
  /** PEM of key and certificate; given, the server speaks https and wss only. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer };
  /** Fastify's logger: a pino configuration, or false. Default false. */
  readonly logger?: FastifyServerOptions['logger'];
}

/** A running server. */
export interface Server {
  /** Address of its link, e.g. `ws://127.0.0.1:7001/d3/link`. */
  readonly link: string;
  /** Address of everything else, e.g. `http://127.0.0.1:7001`. */
  readonly url: string;
  readonly port: number;
  readonly app: FastifyInstance;
  /** Drains: takes nothing new, finishes what is in flight, closes every link and stops. Calling it again changes nothing. */
  close(reason?: string): Promise<void>;
}

/**
 * Starts one tier's server.
 *
 * @throws D3Error `SERVER_OPTION_INVALID`, `SERVER_TOKEN_REQUIRED`, `SERVER_LISTEN_FAILED`, `RUNTIME_UNAVAILABLE`; nothing runs then
 */
export async function serve(options: ServeOptions): Promise<Server> {
  checkOptions(options);
  await mkdir(options.cache, { recursive: true });
  const { host = '127.0.0.1', tls, logger = false } = options;
  // Fastify types an https app apart; nothing here depends on the difference.
  const app = (tls === undefined ? Fastify({ logger }) : Fastify({ logger, https: tls })) as FastifyInstance;
  try {
    await app.register(d3Server, options);
    await listen(app, host, options);
  } catch (error) {
    await app.close();
    throw error;
  }
  const { port } = app.server.address() as AddressInfo;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const secure = tls === undefined ? '' : 's';
  let closing: Promise<void> | undefined;
  return {
    link: `ws${secure}://${authority}/d3/link`,
    url: `http${secure}://${authority}`,
    port,
    app,
    close: (reason = 'the server stops') => {
      closing ??= app.d3.drain(reason).then(async () => await app.close());
      return closing;
    },
  };
}

async function listen(app: FastifyInstance, host: string, options: ServeOptions): Promise<void> {
  const { port = 0, orFreePort = false } = options;
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' || !orFreePort) {
      throw serverError('SERVER_LISTEN_FAILED', { host, port, reason: message }, { cause });
    }
    await app.listen({ host, port: 0 });
  }
}
