import { d3Server, readServerConfig, type ServeOptions } from '@d3/server';
import type { FastifyPluginAsync } from 'fastify';

const DEFAULT_PORT = 7002;

/**
 * The cloud's options from arguments and environment. It is the last tier, and has no upstream unless it is told of one.
 *
 * @throws D3Error `SERVER_OPTION_INVALID`, `SERVER_TOKEN_REQUIRED`
 */
export function cloudConfig(argv: readonly string[], env: NodeJS.ProcessEnv): ServeOptions {
  return readServerConfig('cloud', { argv, env, port: DEFAULT_PORT });
}

/** Where a cloud that is mounted as a plugin is configured from. */
export interface CloudAppOptions {
  /** Default none. */
  readonly argv?: readonly string[];
  /** Default the process's. */
  readonly env?: NodeJS.ProcessEnv;
}

/** The cloud as a plugin, to mount in a Fastify app of one's own. */
export const app: FastifyPluginAsync<CloudAppOptions> = async (fastify, { argv = [], env = process.env }) => {
  await fastify.register(d3Server, cloudConfig(argv, env));
};
