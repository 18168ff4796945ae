import {
  dads,
  hpa,
  isPlan,
  neurosurgeon,
  type Objective,
  objectiveMs,
  optimal,
  plainHpa,
  prepareGraph,
} from '@d3/partition';
import { type CorpusCase, stratifiedCorpus } from '@d3/testkit';
import type { Row } from './measure-speed.ts';
import { median, quantile } from './timing.ts';

/** Cases of each stratum, at least: fewer say nothing about the worst. */
const LEAST_CASES = 60;

const strategies = [hpa, plainHpa, neurosurgeon, dads];

/** How far each strategy is from `optimal`, per stratum: how many tiers the optimum uses. */
export function measureGaps(
  objective: Objective,
  {
    perStratum,
    sizes,
    memoryCaps = false,
  }: { readonly perStratum: number; readonly sizes: readonly [number, number]; readonly memoryCaps?: boolean },
): { rows: Row[]; boundGaps: number[] } {
  const best = new Map<object, { ms: number; boundMs: number }>();
  const cases = stratifiedCorpus({
    seed: objective === 'latency' ? 700_000 : 800_000,
    objective,
    perStratum: Math.max(perStratum, LEAST_CASES),
    sizes,
    memoryCaps,
    plan: (problem) => {
      const result = optimal.plan(problem, prepareGraph(problem));
      if (!isPlan(result)) return null;
      best.set(problem, { ms: objectiveMs(result, objective), boundMs: result.boundMs });
      return result.tierOf;
    },
  });
  const rows = [1, 2, 3].flatMap((stratum) =>
    stratumRows(
      cases.filter((one) => one.stratum === stratum),
      { objective, memoryCaps, stratum, best },
    ),
  );
  return { rows, boundGaps: cases.map(({ problem }) => boundGap(best.get(problem))) };
}

interface Stratum {
  readonly objective: Objective;
  readonly memoryCaps: boolean;
  readonly stratum: number;
  readonly best: ReadonlyMap<object, { readonly ms: number; readonly boundMs: number }>;
}

function stratumRows(cases: readonly CorpusCase[], { objective, memoryCaps, stratum, best }: Stratum): Row[] {
  const shared = { what: 'gap', objective, memoryCaps, tiersOfOptimum: stratum, cases: cases.length };
  const pinned = cases.filter(
    ({ problem }) => (problem.constraints.keepOnDevice ?? 0) > 0 || problem.constraints.pin !== undefined,
  );
  const boundGaps = cases.map(({ problem }) => boundGap(best.get(problem)));
  const rows = strategies.map((strategy) => {
    const gaps = cases.flatMap(({ problem }) => {
      const result = strategy.plan(problem, prepareGraph(problem));
      return isPlan(result) ? [objectiveMs(result, objective) / (best.get(problem)?.ms ?? 1) - 1] : [];
    });
    const infeasible = cases.length - gaps.length;
    return { ...shared, strategy: strategy.name, infeasible, ...summary(gaps) };
  });
  return [{ ...shared, strategy: 'optimal over its bound', pinned: pinned.length, ...summary(boundGaps) }, ...rows];
}

/** How far a plan may be from the best at most. */
function boundGap({ ms, boundMs } = { ms: 0, boundMs: 0 }): number {
  return boundMs > 0 ? ms / boundMs - 1 : Number.POSITIVE_INFINITY;
}

function summary(gaps: readonly number[]): Row {
  return { median: median(gaps), p95: quantile(gaps, 0.95), worst: Math.max(...gaps) };
}
