/**
 * The server of a tier: packed models, links, inference and health as one Fastify plugin, for edge and cloud alike.
 *
 * @packageDocumentation
 */
export { serverErrorTable } from './errors.ts';
export type { ModelListing, TensorListing } from './model-store/model-listing.ts';
export { isLoopback, type ServerLimits, type ServerOptions } from './options.ts';
export { type D3Decoration, d3Server } from './plugin.ts';
export { type RunningServer, type ServeOptions, serve } from './serve.ts';
