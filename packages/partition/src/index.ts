/**
 * The planner: a layer graph and its costs in, a plan out. Pure and deterministic.
 *
 * @packageDocumentation
 */

export { partitionErrorTable } from './errors.ts';
export { type Explained, explain } from './explain/explain.ts';
export { type Lists, type PreparedGraph, prepareGraph } from './graph/prepare-graph.ts';
export { comparePlans, isPlan, objectiveMs } from './objective/compare-plans.ts';
export { evaluate } from './objective/evaluate.ts';
export { type PlanOptions, planProblem } from './plan-problem.ts';
export type {
  Assignment,
  Breakdown,
  Constraints,
  Explanation,
  GraphTensor,
  Hop,
  Infeasible,
  Layer,
  LayerGraph,
  Objective,
  Plan,
  PlanReport,
  Problem,
  ProblemLayer,
  ProblemTensor,
  StrategyResult,
  WeightRef,
} from './problem.ts';
export { BAND_FACTOR, type Change, changeBeyondBands } from './repartition/bands.ts';
export { type Repartitioned, repartition } from './repartition/repartition.ts';
export { type Segment, type Segmentation, segmentsOf } from './segments.ts';
export { dads } from './strategies/dads.ts';
export { hpa, plainHpa } from './strategies/hpa.ts';
export { strategiesFor } from './strategies/index.ts';
export { neurosurgeon } from './strategies/neurosurgeon.ts';
export { optimal, optimalFrom } from './strategies/optimal.ts';
export { singleTier } from './strategies/single-tier.ts';
export type { Strategy } from './strategies/strategy.ts';
export {
  bordersOf,
  chooseTiling,
  partOf,
  type TiledStage,
  type TileNode,
  type TilingPlan,
} from './tiling/choose-tiling.ts';
export {
  type AxisWindow,
  area,
  hull,
  type NeededRange,
  neededRange,
  type Range,
  type Region,
  splitByShares,
} from './tiling/ranges.ts';
export { type FeatureMap, type Stack, type StackLayer, untileable, verifyStack } from './tiling/stack.ts';
export { equalGrid, type Grid, type Tile, type TileLayer, type Tiling, tileStack } from './tiling/tile-stack.ts';
export { parseProblem } from './verify/parse-problem.ts';
export { verifyGraph } from './verify/verify-graph.ts';
export { planViolation, verifyPlan } from './verify/verify-plan.ts';
export { MAX_TIERS, verifyProblem } from './verify/verify-problem.ts';
export type { Violation } from './verify/violation.ts';
