import {
  changeBeyondBands,
  hpa,
  isPlan,
  optimal,
  type Plan,
  type PreparedGraph,
  type Problem,
  prepareGraph,
  repartition,
  type Strategy,
} from '@d3/partition';
import { type GraphFamily, graphFamilies, Random, randomGraph, randomProblem } from '@d3/testkit';
import { type NetworkName, networks } from '@d3/zoo';
import { networkProblem } from './network-problem.ts';
import { exponentOf, median, quantile, timesOf } from './timing.ts';

/** A row of the report. */
export type Row = Readonly<Record<string, unknown>>;

const PROBLEMS = 12;

/** Full plans of the zoo's networks at node granularity: the graph prepared once, costs new each time. */
export function measureNetworks(rounds: number): {
  rows: Row[];
  ms: (strategy: string, network: NetworkName) => number;
} {
  const rows: Row[] = [];
  const found = new Map<string, number>();
  for (const name of Object.keys(networks) as NetworkName[]) {
    const { graph } = networks[name]();
    const prepared = prepareGraph(graph);
    const random = new Random(1);
    const problems = Array.from({ length: PROBLEMS }, () => networkProblem(random, graph));
    for (const strategy of [optimal, hpa]) {
      const times = planTimes(strategy, { problems, prepared, rounds });
      found.set(`${strategy.name} ${name}`, median(times));
      rows.push({
        what: 'full plan',
        strategy: strategy.name,
        network: name,
        layers: graph.layers.length,
        ...summary(times),
      });
    }
  }
  return { rows, ms: (strategy, network) => found.get(`${strategy} ${network}`) ?? Number.NaN };
}

/** Full plans of Inception-v4 for a stream, and how far they are from the bound that comes with them. */
export function measureStreams(rounds: number): { rows: Row[]; ms: number } {
  const { graph } = networks['inception-v4']();
  const prepared = prepareGraph(graph);
  const random = new Random(1);
  const problems = Array.from({ length: PROBLEMS }, (): Problem => {
    return { ...networkProblem(random, graph), objective: 'throughput' };
  });
  const times = planTimes(optimal, { problems, prepared, rounds });
  const gaps = problems.flatMap((problem) => {
    const plan = optimal.plan(problem, prepared);
    return isPlan(plan) ? [plan.slowestStageMs / plan.boundMs - 1] : [];
  });
  const shared = { what: 'full plan of a stream', strategy: 'optimal', network: 'inception-v4' };
  return {
    rows: [{ ...shared, ...summary(times), boundGapMedian: median(gaps), boundGapWorst: Math.max(...gaps) }],
    ms: median(times),
  };
}

function planTimes(
  strategy: Strategy,
  { problems, prepared, rounds }: { problems: readonly Problem[]; prepared: PreparedGraph; rounds: number },
): number[] {
  return timesOf(
    (round) => {
      const problem = problems[round % problems.length];
      if (problem !== undefined) strategy.plan(problem, prepared);
    },
    { rounds, warmUp: Math.ceil(rounds / 2) },
  );
}

/** HPA's local update on Inception-v4 while one link after another leaves its band; rates stay within 20 times. */
export function measureLocalUpdate(rounds: number): { rows: Row[]; ms: number } {
  const { graph } = networks['inception-v4']();
  const prepared = prepareGraph(graph);
  const random = new Random(3);
  const times: number[] = [];
  let [looked, moved] = [0, 0];
  for (let base = 0; base < PROBLEMS; base++) {
    let problem = networkProblem(random, graph);
    const { hops } = problem;
    let plan: Plan | null = planOf(hpa.plan(problem, prepared));
    for (let round = 0; round < rounds / PROBLEMS && plan !== null; round++) {
      const now: Problem = { ...problem, hops: walk(random, problem.hops, hops) };
      const change = changeBeyondBands(problem, now);
      if (change === null) continue;
      const start = performance.now();
      const { result, layersEvaluated } = repartition(now, plan, { change, graph: prepared });
      times.push(performance.now() - start);
      looked += layersEvaluated;
      const next = planOf(result);
      if (next?.tierOf.some((tier, layer) => tier !== plan?.tierOf[layer])) moved++;
      [problem, plan] = [now, next];
    }
  }
  const share = moved / times.length;
  return {
    rows: [
      {
        what: 'local update',
        network: 'inception-v4',
        changed: share,
        layersLookedAt: looked / times.length,
        ...summary(times),
      },
    ],
    ms: median(times),
  };
}

function walk(random: Random, now: Problem['hops'], base: Problem['hops']): Problem['hops'] {
  const index = random.integer(0, now.length - 1);
  return now.map((hop, at) => {
    if (at !== index) return hop;
    const first = base[at] ?? hop;
    const rate = hop.upBytesPerMs * random.magnitude(1 / 3, 3);
    const upBytesPerMs = Math.min(Math.max(rate, first.upBytesPerMs / 20), first.upBytesPerMs * 20);
    return { ...hop, upBytesPerMs };
  });
}

function planOf(result: ReturnType<Strategy['plan']>): Plan | null {
  return isPlan(result) ? result : null;
}

/** How the time of `optimal` grows with the graph, per family. */
export function measureGrowth(
  families: readonly GraphFamily[],
  sizes: readonly number[],
): { rows: Row[]; points: ReadonlyMap<string, readonly (readonly [number, number])[]> } {
  const rows: Row[] = [];
  const points = new Map<string, (readonly [number, number])[]>();
  for (const family of families) {
    for (const size of sizes) {
      const random = new Random(size);
      const graph = randomGraph(random, family, size);
      const prepared = prepareGraph(graph);
      const problems = Array.from({ length: 5 }, () => randomProblem(random, graph, { tierCount: 3 }));
      const times = planTimes(optimal, { problems, prepared, rounds: size > 2000 ? 9 : 25 });
      points.set(family, [...(points.get(family) ?? []), [graph.layers.length, median(times)]]);
      rows.push({ what: 'growth', family, layers: graph.layers.length, ...summary(times) });
    }
    rows.push({ what: 'growth exponent', family, exponent: exponentOf(points.get(family) ?? []) });
  }
  return { rows, points };
}

/** All families, for a caller's convenience. */
export const families: readonly GraphFamily[] = graphFamilies;

function summary(times: readonly number[]): Row {
  return { medianMs: median(times), p10Ms: quantile(times, 0.1), p90Ms: quantile(times, 0.9), runs: times.length };
}
