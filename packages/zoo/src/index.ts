/**
 * Published networks as ONNX graphs without weight data, for planning, timing and tests; seeded weights for them.
 *
 * @packageDocumentation
 */
export type { Network, NetworkWeight } from './network.ts';
export { type NetworkName, networks } from './networks/index.ts';
export { type SeededOptions, seededChunks, seededWeight, type WeightChunk } from './seeded-weights.ts';
