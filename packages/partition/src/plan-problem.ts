import { partitionError } from './errors.ts';
import { explain } from './explain/explain.ts';
import { type PreparedGraph, prepareGraph } from './graph/prepare-graph.ts';
import { comparePlans, isPlan } from './objective/compare-plans.ts';
import type { Plan, PlanReport, Problem, StrategyResult } from './problem.ts';
import { strategiesFor } from './strategies/index.ts';
import { optimal } from './strategies/optimal.ts';
import { planViolation } from './verify/verify-plan.ts';
import { verifyProblem } from './verify/verify-problem.ts';

/** What {@link planProblem} may be told. */
export interface PlanOptions {
  /** Names of the strategies to run; all of them by default. */
  readonly strategies?: readonly string[];
  /** The prepared graph of the problem's layers and tensors, to save preparing it again. */
  readonly graph?: PreparedGraph;
}

/**
 * Runs the strategies, chooses the best plan and says why. Deterministic: equal problems get equal reports. Ties go to
 * fewer tiers, then to layers nearer the user, then to the simpler strategy.
 *
 * When no strategy finds a plan, `chosen` is empty and `explain.sentence` says what excludes every plan.
 *
 * @throws PARTITION_GRAPH_INVALID, PARTITION_PROBLEM_INVALID, PARTITION_STRATEGY_UNKNOWN
 */
export function planProblem(problem: Problem, options: PlanOptions = {}): PlanReport {
  verifyProblem(problem);
  const graph = options.graph ?? prepareGraph(problem);
  const known = strategiesFor(problem);
  const wanted = options.strategies ?? known.map(({ name }) => name);
  for (const strategy of wanted) {
    if (known.some(({ name }) => name === strategy)) continue;
    throw partitionError('PARTITION_STRATEGY_UNKNOWN', { strategy, known: known.map(({ name }) => name).join(', ') });
  }
  const found = new Map<string, StrategyResult>();
  const lastOptimal = known.toSorted((a, b) => Number(a === optimal) - Number(b === optimal));
  for (const strategy of lastOptimal) {
    if (!wanted.includes(strategy.name)) continue;
    const plans = [...found.values()].filter(isPlan);
    found.set(strategy.name, validOf(problem, graph, strategy.plan(problem, graph, plans)));
  }
  const strategies = Object.fromEntries(
    known.flatMap(({ name }) => {
      const result = found.get(name);
      return result === undefined ? [] : [[name, result]];
    }),
  );
  const chosen = bestOf(problem, strategies);
  return { problem, strategies, chosen, explain: explain(problem, { strategies, chosen, graph }) };
}

/** A plan that breaks a constraint is never reported as one. */
function validOf(problem: Problem, graph: PreparedGraph, result: StrategyResult): StrategyResult {
  if (!isPlan(result)) return result;
  const violation = planViolation(problem, result.tierOf, graph);
  return violation === null ? result : { infeasible: violation.fault };
}

function bestOf(problem: Problem, strategies: Readonly<Record<string, StrategyResult>>): string {
  let chosen = '';
  let best: Plan | null = null;
  for (const [name, result] of Object.entries(strategies)) {
    if (!isPlan(result)) continue;
    if (best === null || comparePlans(result, best, problem.objective) < 0) [chosen, best] = [name, result];
  }
  return chosen;
}
