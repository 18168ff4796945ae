import { d3Server, readServerConfig, type ServeOptions } from '@d3/server';
import type { FastifyPluginAsync } from 'fastify';

const DEFAULT_PORT = 7001;
const DEFAULT_UPSTREAM = 'ws://127.0.0.1:7002';

/**
 * The edge's options from arguments and environment. Its upstream is a cloud on this machine unless it is told of another.
 *
 * @throws D3Error `SERVER_OPTION_INVALID`, `SERVER_TOKEN_REQUIRED`
 */
export function edgeConfig(argv: readonly string[], env: NodeJS.ProcessEnv): ServeOptions {
  const config = readServerConfig('edge', { argv, env, port: DEFAULT_PORT });
  return { upstream: DEFAULT_UPSTREAM, ...config };
}

/** Where an edge that is mounted as a plugin is configured from. */
export interface EdgeAppOptions {
  /** Default none. */
  readonly argv?: readonly string[];
  /** Default the process's. */
  readonly env?: NodeJS.ProcessEnv;
}

/** The edge as a plugin, to mount in a Fastify app of one's own. */
export const app: FastifyPluginAsync<EdgeAppOptions> = async (fastify, { argv = [], env = process.env }) => {
  await fastify.register(d3Server, edgeConfig(argv, env));
};
