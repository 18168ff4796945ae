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

/** The cloud as a plugin, to mount in a Fastify app of one's own. */
export const app: FastifyPluginAsync = async (fastify) => {
  await fastify.register(d3Server, cloudConfig([], process.env));
};
