/**
 * Runs segments in Node: onnxruntime-node in worker threads, weights mapped from one file, pictures from files.
 *
 * @packageDocumentation
 */
export { type AssembledWeights, assembleWeights } from './assemble-weights.ts';
export { type DecodeLimits, decodePicture } from './decode-picture.ts';
export { inferShapes } from './infer-shapes.ts';
export { createNodeBackend, type NodeBackendOptions } from './node-backend.ts';
