import { isIP } from 'node:net';
import type { Limits } from '@d3/protocol';
import { serverError } from './errors.ts';

/** What a server accepts and holds. */
export interface ServerLimits extends Limits {
  /** Epochs that one link may hold. */
  readonly maxEpochs: number;
  /** Requests that wait or run in the executor, all links and HTTP together. */
  readonly maxQueued: number;
  /** Links open at once. */
  readonly maxLinks: number;
  /** Bytes that wait to be sent on one link, and of requests that pass through and are kept until their result. */
  readonly maxQueuedBytes: number;
  /** Bodies of HTTP requests for inference that are held at once, in bytes; one alone may be as long as `maxFrameBytes`. */
  readonly maxHttpBytes: number;
  /** How long an HTTP request for inference may take, in milliseconds. */
  readonly maxHttpMs: number;
  /** Weights of prepared segments that are kept warm, in bytes; those that epochs hold may go beyond. */
  readonly maxSegmentBytes: number;
}

/** How a tier is served. */
export interface ServerOptions {
  /** Name of the tier, e.g. `edge`. */
  readonly tier: string;
  /** Folder of packed models, one subfolder each; looked at again on every listing. */
  readonly models: string;
  /** Folder for what is fetched and made: models of the upstream, assembled weights, the calibration. */
  readonly cache: string;
  /** Address of the next tier's server, `ws(s)://` or `http(s)://`; the last tier has none. */
  readonly upstream?: string;
  /** Token of the upstream; default the own `token`. */
  readonly upstreamToken?: string;
  /** Address that the app listens on; default 127.0.0.1. Any other than a loopback address needs a token. */
  readonly host?: string;
  /** Asked of every link and every HTTP request but health; default none. */
  readonly token?: string;
  /** Origins of pages that may use this server, or `*`; default, on loopback, every loopback origin. */
  readonly allowOrigins?: readonly string[];
  /** Factor ≥ 1 by which every segment really takes longer. Default 1. */
  readonly slowdown?: number;
  /** Worker threads; default half of the cores, at least 1. */
  readonly workers?: number;
  /** Where devices may reach this server directly; default the listening address when that is a loopback one. */
  readonly publicUrl?: string;
  /**
   * What becomes of requests when the upstream is lost under them: `finish` runs the layers of the tiers behind here, where
   * memory allows, `fail` answers `SERVER_UPSTREAM_LOST`. Default `finish`.
   */
  readonly upstreamLoss?: UpstreamLoss;
  /** Prepare for a lost upstream while nothing runs, as far as memory is free. Default true. */
  readonly prepareForLoss?: boolean;
  /**
   * How long a draining server that has nothing in flight any more waits, in milliseconds, for peers to leave of their own accord: models
   * are served meanwhile, so that they can fetch what they need to go on without it. Default 0.
   */
  readonly lingerMs?: number;
  readonly limits?: Partial<ServerLimits>;
}

/** See {@link ServerOptions.upstreamLoss}. */
export type UpstreamLoss = 'finish' | 'fail';

/** Documented defaults of {@link ServerLimits}. */
export const DEFAULT_LIMITS: ServerLimits = {
  maxTensorBytes: 256 << 20,
  maxFrameBytes: 512 << 20,
  maxInFlight: 64,
  maxEpochs: 16,
  maxQueued: 512,
  maxLinks: 256,
  maxQueuedBytes: 256 << 20,
  maxHttpBytes: 1 << 30,
  maxHttpMs: 120_000,
  maxSegmentBytes: 1 << 30,
};

const MAX_LINGER_MS = 600_000;
const TIER = /^[a-z][a-z0-9-]{0,63}$/;

/**
 * Checks options before anything is started.
 *
 * @throws D3Error `SERVER_OPTION_INVALID`, `SERVER_TOKEN_REQUIRED`
 */
export function checkOptions(options: ServerOptions): void {
  const { tier, host = '127.0.0.1', token, slowdown = 1, workers = 1, upstream } = options;
  if (!TIER.test(tier)) throw invalid('tier', tier, "a name like 'edge' is wanted");
  if (!(Number.isFinite(slowdown) && slowdown >= 1))
    throw invalid('slowdown', slowdown, 'a factor of 1 or more is wanted');
  if (!(Number.isInteger(workers) && workers >= 1 && workers <= 256)) {
    throw invalid('workers', workers, 'a whole number from 1 to 256 is wanted');
  }
  if (upstream !== undefined) parseUpstream(upstream);
  checkLosses(options);
  for (const [name, value] of Object.entries(options.limits ?? {})) {
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw invalid(`limits.${name}`, value, 'a whole number ≥ 1 is wanted');
  }
  for (const origin of options.allowOrigins ?? []) {
    if (origin !== '*' && originOf(origin) !== origin)
      throw invalid('allowOrigins', origin, "an origin like 'https://a.example' is wanted");
  }
  if (token === '') throw invalid('token', "''", 'an empty token protects nothing');
  if (!isLoopback(host) && token === undefined) throw serverError('SERVER_TOKEN_REQUIRED', { host });
}

function checkLosses({ upstreamLoss = 'finish', lingerMs = 0 }: ServerOptions): void {
  if (!['finish', 'fail'].includes(upstreamLoss)) {
    throw invalid('upstreamLoss', upstreamLoss, "'finish' or 'fail' is wanted");
  }
  if (!(lingerMs >= 0 && lingerMs <= MAX_LINGER_MS)) {
    throw invalid('lingerMs', lingerMs, `milliseconds from 0 to ${MAX_LINGER_MS} are wanted`);
  }
}

/** The two addresses of a server. */
export interface UpstreamAddress {
  /** Of its models, without a path. */
  readonly http: string;
  /** Of its link. */
  readonly link: string;
}

/**
 * Both addresses from either.
 *
 * @throws D3Error `SERVER_OPTION_INVALID`
 */
export function parseUpstream(address: string): UpstreamAddress {
  const wanted = "an address like 'ws://127.0.0.1:7002' is wanted";
  if (!URL.canParse(address)) throw invalid('upstream', `'${address}'`, wanted);
  const { protocol, host } = new URL(address);
  if (!/^(ws|http)s?:$/.test(protocol)) throw invalid('upstream', `'${address}'`, wanted);
  const secure = protocol === 'wss:' || protocol === 'https:' ? 's' : '';
  return { http: `http${secure}://${host}`, link: `ws${secure}://${host}/d3/link` };
}

/** Whether only this machine reaches a host. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  if (bare === 'localhost' || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
}

function originOf(text: string): string | undefined {
  return URL.canParse(text) ? new URL(text).origin : undefined;
}

function invalid(option: string, value: string | number, problem: string): Error {
  return serverError('SERVER_OPTION_INVALID', { option, value, problem });
}
