/**
 * The planner: a layer graph and its costs in, a plan out. Pure and deterministic.
 *
 * @packageDocumentation
 */
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
export { type Segment, type Segmentation, segmentsOf } from './segments.ts';
