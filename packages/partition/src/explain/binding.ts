import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { Ledger } from '../objective/ledger.ts';
import type { Explanation, Plan, Problem } from '../problem.ts';

/** What limits a plan: the stage that takes longest, be it a tier or a link. */
export function bindingOf(problem: Problem, plan: Plan, graph: PreparedGraph): Explanation['binding'] {
  const stages = problem.objective === 'latency' ? latencyStages(problem, plan) : busyStages(problem, plan, graph);
  let longest: (typeof stages)[number] | null = null;
  for (const stage of stages) if (longest === null || stage.ms > longest.ms) longest = stage;
  return longest && { kind: longest.kind, name: longest.name };
}

interface Stage {
  readonly kind: 'link' | 'tier';
  readonly name: string;
  readonly ms: number;
}

function latencyStages(problem: Problem, { breakdown }: Plan): Stage[] {
  const tiers = problem.tiers.map((name, tier) => ({
    kind: 'tier' as const,
    name,
    ms: breakdown.computeMs[tier] ?? 0,
  }));
  const links = breakdown.transferMs.map((ms, hop) => ({ kind: 'link' as const, name: linkName(problem, hop), ms }));
  return [...tiers, ...links];
}

function busyStages(problem: Problem, plan: Plan, graph: PreparedGraph): Stage[] {
  const stations = problem.tiers.flatMap((_, tier) => (tier === 0 || plan.tierOf.includes(tier) ? [tier] : []));
  const { stageMs } = new Ledger(problem, graph, plan.tierOf).over(stations);
  const hops = stations.length - 1;
  return stageMs.map((ms, stage) => {
    if (stage < stations.length) return { kind: 'tier', name: problem.tiers[stations[stage] ?? 0] ?? '', ms };
    return { kind: 'link', name: linkName(problem, stations[(stage - stations.length) % Math.max(hops, 1)] ?? 0), ms };
  });
}

/** How a hop is called in words and on the command line. */
export function linkName(problem: Problem, hop: number): string {
  return `${problem.tiers[hop]}-${problem.tiers[hop + 1]}`;
}
