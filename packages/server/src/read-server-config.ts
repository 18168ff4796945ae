import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { serverError } from './errors.ts';
import { checkOptions, type UpstreamLoss } from './options.ts';
import type { ServeOptions } from './serve.ts';

/** Where a server's configuration comes from. */
export interface ConfigSources {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The port to try first. */
  readonly port: number;
}

/** A process that is told to stop lets peers fetch what they need to go on without it. */
const LINGER_MS = 3_000;

/** Each option as `--name VALUE` and, in the environment, as `D3_NAME`. */
const NAMES = [
  'host',
  'port',
  'models',
  'cache',
  'upstream',
  'upstream-token',
  'token',
  'allow-origin',
  'slowdown',
  'workers',
  'upstream-loss',
  'prepare-for-loss',
  'linger',
  'public-url',
  'tls-key',
  'tls-cert',
  'log-level',
] as const;
type Name = (typeof NAMES)[number];

/**
 * The options of a server process: arguments before environment before defaults. `allow-origin` may be given several times, or as a
 * list with commas in the environment. Without a port of one's own, another one is taken if the usual one is in use.
 *
 * @throws D3Error `SERVER_OPTION_INVALID`, `SERVER_TOKEN_REQUIRED`
 */
export function readServerConfig(tier: string, sources: ConfigSources): ServeOptions {
  const given = parseArguments(sources.argv);
  const get = (name: Name) => given[name]?.at(-1) ?? sources.env[environmentName(name)];
  const origins = given['allow-origin'] ?? sources.env.D3_ALLOW_ORIGIN?.split(',').map((origin) => origin.trim());
  const port = get('port');
  const options: ServeOptions = {
    tier,
    models: get('models') ?? join('.d3', 'models'),
    cache: get('cache') ?? join('.d3', tier),
    port: port === undefined ? sources.port : toNumber('port', port),
    orFreePort: port === undefined,
    lingerMs: toNumber('linger', get('linger')) ?? LINGER_MS,
    logger: { level: get('log-level') ?? 'info', stream: process.stderr },
    ...defined({
      host: get('host'),
      upstream: get('upstream'),
      upstreamToken: get('upstream-token'),
      token: get('token'),
      allowOrigins: origins,
      slowdown: toNumber('slowdown', get('slowdown')),
      workers: toNumber('workers', get('workers')),
      upstreamLoss: get('upstream-loss') as UpstreamLoss | undefined,
      prepareForLoss: toSwitch('prepare-for-loss', get('prepare-for-loss')),
      publicUrl: get('public-url'),
      tls: readTls(get('tls-key'), get('tls-cert')),
    }),
  };
  checkOptions(options);
  return options;
}

function parseArguments(argv: readonly string[]): Partial<Record<Name, string[]>> {
  const options: ParseArgsConfig['options'] = {};
  for (const name of NAMES) options[name] = { type: 'string', multiple: true };
  try {
    return parseArgs({ args: [...argv], options, strict: true }).values as Partial<Record<Name, string[]>>;
  } catch (error) {
    throw invalid(argv.join(' '), (error as Error).message);
  }
}

function environmentName(name: Name): string {
  return `D3_${name.toUpperCase().replaceAll('-', '_')}`;
}

function toNumber(option: string, text: string): number;
function toNumber(option: string, text: string | undefined): number | undefined;
function toNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw serverError('SERVER_OPTION_INVALID', { option, value: `'${text}'`, problem: 'a number is wanted' });
}

function toSwitch(option: string, text: string | undefined): boolean | undefined {
  if (text === undefined || text === 'yes' || text === 'no') return text === undefined ? undefined : text === 'yes';
  throw serverError('SERVER_OPTION_INVALID', { option, value: `'${text}'`, problem: "'yes' or 'no' is wanted" });
}

function readTls(key: string | undefined, cert: string | undefined): { key: Buffer; cert: Buffer } | undefined {
  if (key === undefined && cert === undefined) return undefined;
  if (key === undefined || cert === undefined) throw invalid('tls', 'key and certificate go together: give both files');
  try {
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } catch (error) {
    throw invalid('tls', (error as Error).message);
  }
}

function invalid(value: string, problem: string): Error {
  return serverError('SERVER_OPTION_INVALID', { option: 'argument', value: `'${value}'`, problem });
}

/** Without the keys that are undefined. */
function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
