/**
 * What tests share: seeded randomness, tiny graphs, fakes.
 *
 * @packageDocumentation
 */

export {
  FakeBackend,
  type FakeBackendOptions,
  type FakeRun,
  type FakeSegmentSpec,
  type FakeSession,
} from './fakes/fake-backend.ts';
export { FakeClock } from './fakes/fake-clock.ts';
export { ilpModels } from './graphs/ilp-model.ts';
export { type GraphFamily, graphFamilies, randomGraph } from './graphs/layer-graphs.ts';
export { Random } from './graphs/random.ts';
export { type RandomProblemOptions, randomProblem } from './graphs/random-problem.ts';
export { type CorpusCase, type CorpusOptions, stratifiedCorpus } from './graphs/stratified-corpus.ts';
export {
  type FollowTraceOptions,
  followTrace,
  type LinkTrace,
  parseTrace,
  type ShapeableLink,
  type TraceReplay,
} from './shaping/follow-trace.ts';
export type { LinkShape } from './shaping/link-shape.ts';
export { type CutKind, ShapingProxy, type ShapingProxyOptions, startShapingProxy } from './shaping/shaping-proxy.ts';
export type { Direction, Tap, TapControl, TapEvent, TapHttp, TapMessage, TapUnparsed } from './shaping/tap.ts';
