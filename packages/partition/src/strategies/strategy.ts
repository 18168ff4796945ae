import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';

/**
 * A way to plan. A strategy is a pure function of the problem: same problem, same plan. Its plan respects every
 * constraint (SPEC.md, section 2), or it says in words why it has none. To add one, write its file and list it in
 * `strategies/index.ts`.
 */
export interface Strategy {
  /** Key of its result in a report. */
  readonly name: string;
  /**
   * Plans.
   *
   * @param graph - the prepared graph of `problem`
   * @param known - valid plans that others found; a strategy may do better by them and need not mind them
   */
  plan(problem: Problem, graph: PreparedGraph, known?: readonly Plan[]): StrategyResult;
}
