import { type PreparedGraph, prepareGraph } from '../graph/prepare-graph.ts';
import type { Assignment, Plan, Problem } from '../problem.ts';
import { Ledger } from './ledger.ts';

/**
 * What an assignment costs (SPEC.md, section 3): the one evaluator that strategies, tests and the runtime share. It does
 * not check the constraints; `verifyPlan` does.
 *
 * @param graph - of the problem's layers and tensors; saves preparing it again
 * @returns a plan with `boundMs` 0: evaluating proves nothing about other plans. The assignment is copied.
 */
export function evaluate(problem: Problem, tierOf: Assignment, graph: PreparedGraph = prepareGraph(problem)): Plan {
  return new Ledger(problem, graph, tierOf).plan();
}
