/**
 * Published networks as ONNX graphs without weight data, for planning, timing and tests.
 *
 * @packageDocumentation
 */
export { type Network, type NetworkWeight, WEIGHTS_PATH } from './network.ts';
export { type NetworkName, networks } from './networks/index.ts';
export { seededWeight } from './seeded-weights.ts';
