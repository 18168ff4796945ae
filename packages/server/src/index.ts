/**
 * The server of a tier: packed models, links, inference and health as one Fastify plugin, for edge and cloud alike.
 *
 * @packageDocumentation
 */
export { serverErrorTable } from './errors.ts';
export type { ModelListing, TensorListing } from './model-store/model-listing.ts';
export { isLoopback, type ServerLimits, type ServerOptions, type UpstreamLoss } from './options.ts';
export { type D3Decoration, d3Server } from './plugin.ts';
export { type ConfigSources, readServerConfig } from './read-server-config.ts';
export { runServer } from './run-server.ts';
export { type ServeOptions, type Server, serve } from './serve.ts';
