import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { comparePlans, isPlan, objectiveMs } from '../objective/compare-plans.ts';
import type { Explanation, Plan, Problem, StrategyResult } from '../problem.ts';
import { bindingOf } from './binding.ts';
import { sentenceFor } from './sentence.ts';
import { turningPointsOf } from './turning-points.ts';

/** What there is to explain. */
export interface Explained {
  readonly strategies: Readonly<Record<string, StrategyResult>>;
  /** Name of the strategy whose plan was chosen; empty when none has one. */
  readonly chosen: string;
  readonly graph: PreparedGraph;
}

/**
 * Why this plan: the best plan of another shape, what limits the chosen one, at which rate or load the answer would change,
 * and all of it in one sentence.
 */
export function explain(problem: Problem, { strategies, chosen, graph }: Explained): Explanation {
  const plan = strategies[chosen];
  if (plan === undefined || !isPlan(plan)) {
    return { sentence: infeasibleSentence(strategies), runnerUp: null, binding: null, turningPoints: [] };
  }
  const runnerUp = runnerUpOf(problem, plan, strategies);
  const binding = bindingOf(problem, plan, graph);
  const turningPoints = turningPointsOf(problem, plan, { graph, strategies });
  const sentence = sentenceFor(problem, { plan, runnerUp, binding, turningPoints });
  return { sentence, runnerUp, binding, turningPoints };
}

function infeasibleSentence(strategies: Explained['strategies']): string {
  const reasons = Object.values(strategies).flatMap((result) => ('infeasible' in result ? [result.infeasible] : []));
  return `No plan meets the constraints: ${reasons.at(-1) ?? 'no strategy was run'}.`;
}

function runnerUpOf(
  problem: Problem,
  plan: Plan,
  strategies: Explained['strategies'],
): { strategy: string; objectiveMs: number } | null {
  const shape = new Set(plan.tierOf);
  let best: { strategy: string; plan: Plan } | null = null;
  for (const [strategy, result] of Object.entries(strategies)) {
    if (!isPlan(result) || sameSet(new Set(result.tierOf), shape)) continue;
    if (best === null || comparePlans(result, best.plan, problem.objective) < 0) best = { strategy, plan: result };
  }
  return best && { strategy: best.strategy, objectiveMs: objectiveMs(best.plan, problem.objective) };
}

function sameSet(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size === b.size && [...a].every((value) => b.has(value));
}
