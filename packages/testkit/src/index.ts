/**
 * What tests share: seeded randomness, tiny graphs, fakes.
 *
 * @packageDocumentation
 */
export { Random } from './graphs/random.ts';
export { type GraphFamily, graphFamilies, randomGraph } from './graphs/layer-graphs.ts';
export { type RandomProblemOptions, randomProblem } from './graphs/random-problem.ts';
