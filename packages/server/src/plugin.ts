import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import type { Hello } from '@d3/protocol';
import type { Backend } from '@d3/runtime';
import { createNodeBackend } from '@d3/runtime/node';
import cors from '@fastify/cors';
import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { serverError } from './errors.ts';
import { calibratedProfile } from './executor/calibrated-profile.ts';
import { Executor } from './executor/executor.ts';
import { type Access, allowPrivateNetwork, guard, isAllowedOrigin, LINK_PATH } from './http/access.ts';
import { answerErrors, explainError } from './http/error-handler.ts';
import { inferenceRoutes } from './http/inference-routes.ts';
import { modelRoutes } from './http/model-routes.ts';
import { LinkSessions } from './link/link-sessions.ts';
import { StatusAnnouncer } from './link/status-announcer.ts';
import { type MeasuredRun, OwnLoad } from './load/own-load.ts';
import { ModelStore } from './model-store/model-store.ts';
import { watchModels } from './model-store/watch-models.ts';
import { checkOptions, DEFAULT_LIMITS, isLoopback, parseUpstream, type ServerOptions } from './options.ts';
import { TierState } from './tier-state.ts';
import { MAX_MESSAGE_BYTES } from './upstream/connect-link.ts';
import { Upstream } from './upstream/upstream.ts';

/** What the plugin adds to its app. */
export interface D3Decoration {
  readonly state: TierState;
  readonly store: ModelStore;
  readonly executor: Executor;
  /** Refuses new work, tells peers, and resolves when what was in flight has ended and every link is closed. */
  drain(reason: string): Promise<void>;
}

declare module 'fastify' {
  interface FastifyInstance {
    d3: D3Decoration;
  }
}

const VERSION = '0.1.0';
const DRAIN_WITHIN_MS = 10_000;

/**
 * The D3 server as a Fastify plugin: link, models, inference and health of one tier. The app listens; `serve`
 * is one that does.
 *
 * @throws D3Error `SERVER_OPTION_INVALID`, `SERVER_TOKEN_REQUIRED`, `RUNTIME_UNAVAILABLE`, when it is registered
 */
export const d3Server: FastifyPluginAsync<ServerOptions> = fastifyPlugin(
  async (app: FastifyInstance, options: ServerOptions) => {
    checkOptions(options);
    const { workers = Math.max(1, Math.floor(availableParallelism() / 2)), slowdown = 1 } = options;
    const backend = await createNodeBackend({ workers, slowdown });
    app.addHook('onClose', async () => await backend.dispose());
    await mount(app, options, backend);
  },
  { fastify: '5.x', name: '@d3/server' },
);

async function mount(app: FastifyInstance, options: ServerOptions, backend: Backend): Promise<void> {
  const { tier, token, cache } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const store = storeOf(app, options);
  const profile = await calibratedProfile(tier, backend, {
    cache,
    onRefused: (err) => app.log.warn({ err }, 'the profile kept here is measured again'),
  });
  const { maxQueued, maxSegmentBytes } = limits;
  const modelsHere = await store.namesHere();
  const onRun = (run: MeasuredRun) => load.observe(run);
  const executor = new Executor({ tier, backend, store, cache, maxQueued, maxSegmentBytes, onRun });
  const load: OwnLoad = new OwnLoad({
    ...{ profile, backend, wanted: () => links.size > 0, quiet: () => executor.queued === 0 },
    onChange: () => announcer.check(),
    onError: (error) => app.log.warn({ err: error }, 'the load is known from requests alone'),
  });
  const publicUrl = () => options.publicUrl ?? localUrl(app);
  const state: TierState = new TierState({ profile: () => load.profile, backend, store, limits, publicUrl });
  const links: LinkSessions = new LinkSessions({
    ...{ tier, token, limits, store, executor, log: app.log },
    ...{ standsIn: options.upstreamLoss !== 'fail', preparesAhead: options.prepareForLoss ?? true },
    upstream: () => state.upstream,
    welcome: () => state.welcome(),
    draining: () => state.draining,
    explain: (error, what) => explainError(error, { tier, what, log: app.log }),
  });
  const hello: Hello = {
    ...{ protocol: 1, tier, agent: `d3-server/${VERSION}`, profile, numericClass: backend.numericClass },
    ...optional('token', options.upstreamToken ?? token),
  };
  state.modelsHere = modelsHere;
  const announcer: StatusAnnouncer = new StatusAnnouncer({
    current: () => state.status(),
    send: (status) => links.announce(status),
  });
  const unwatch = watchModels(store, (names) => {
    state.modelsHere = names;
    announcer.check();
  });
  app.addHook('onClose', () => {
    unwatch();
    load.close();
    announcer.close();
  });
  const onChange = () => {
    announcer.check();
    if (state.upstream?.state === undefined) links.standIn();
  };
  state.upstream = upstreamOf(app, options, { hello, onChange });

  let draining: Promise<void> | undefined;
  const { lingerMs = 0 } = options;
  const drain = (reason: string) => {
    state.draining = true;
    draining ??= links.drain(reason, { withinMs: DRAIN_WITHIN_MS, lingerMs }).then(() => state.upstream?.close());
    return draining;
  };
  app.decorate('d3', { state, store, executor, drain });
  answerErrors(app, tier);
  await admit(app, { tier, token, allowOrigins: options.allowOrigins, publicUrl: options.publicUrl, drain });
  modelRoutes(app, { store, isPrivate: token !== undefined });
  // In a scope of its own: it takes bodies as they are, and leaves the app's parsers alone.
  await app.register(async (scope) =>
    inferenceRoutes(scope, {
      ...{ tier, version: VERSION, store, executor, limits },
      unready: () => state.unready(),
      draining: () => state.draining,
    }),
  );
  linkRoute(app, links, { tier, maxLinks: limits.maxLinks });
}

/** Origins, tokens, WebSockets: what stands before every route. */
async function admit(
  app: FastifyInstance,
  access: Access & { readonly drain: (reason: string) => Promise<void> },
): Promise<void> {
  allowPrivateNetwork(app, access);
  await app.register(cors, {
    origin: (origin, decide) => decide(null, origin !== undefined && isAllowedOrigin(origin, access)),
    methods: ['GET', 'POST'],
    exposedHeaders: ['etag', 'inference-header-content-length'],
    maxAge: 600,
  });
  guard(app, access);
  await app.register(websocket, {
    options: { maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false },
    preClose: async () => await access.drain('the server closes'),
  });
  app.addHook('onListen', async () => {
    const host = (app.server.address() as AddressInfo | null)?.address;
    if (host === undefined || isLoopback(host) || access.token !== undefined) return;
    app.log.fatal(serverError('SERVER_TOKEN_REQUIRED', { host }).message);
    await app.close();
  });
}

function linkRoute(
  app: FastifyInstance,
  links: LinkSessions,
  { tier, maxLinks }: { tier: string; maxLinks: number },
): void {
  app.get(
    LINK_PATH,
    {
      websocket: true,
      preValidation: async (request) => {
        const { method } = request;
        if (!request.ws) {
          throw serverError('SERVER_REQUEST_INVALID', {
            method,
            path: LINK_PATH,
            problem: 'it is a WebSocket endpoint',
          });
        }
        if (links.size < maxLinks) return;
        throw serverError('SERVER_BUSY', { count: links.size, where: 'all links', tier, max: maxLinks });
      },
    },
    (socket) => links.add(socket),
  );
}

function storeOf(app: FastifyInstance, { tier, models, cache, upstream, ...options }: ServerOptions): ModelStore {
  return new ModelStore({
    ...{ tier, models, cache: join(cache, 'models') },
    upstream:
      upstream === undefined
        ? undefined
        : { url: parseUpstream(upstream).http, token: options.upstreamToken ?? options.token },
    onSkip: (folder, reason) => app.log.warn({ folder, err: reason }, 'a packed model cannot be read'),
  });
}

function upstreamOf(
  app: FastifyInstance,
  { upstream }: ServerOptions,
  rest: { readonly hello: Hello; readonly onChange: () => void },
): Upstream | undefined {
  if (upstream === undefined) return undefined;
  const watched = new Upstream({ address: parseUpstream(upstream), log: app.log, ...rest });
  app.addHook('onClose', () => watched.close());
  return watched;
}

/** A loopback address can be told to whoever is on this machine; any other may not be the one that devices can reach. */
function localUrl(app: FastifyInstance): string | undefined {
  const address = app.server.address();
  if (address === null || typeof address === 'string' || !isLoopback(address.address)) return undefined;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${app.server instanceof TlsServer ? 'wss' : 'ws'}://${host}:${address.port}${LINK_PATH}`;
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Value };
}
