import { type Assignment, isPlan, optimal, type PreparedGraph, type Problem, segmentsOf } from '@d3/partition';
import { withFirstHop } from './network-costs.ts';

/** What a plan asks of the device, the first link and all behind it, per request. */
export interface PlanCosts {
  readonly tierOf: Assignment;
  /** What it is, in words: how many layers lie where. */
  readonly label: string;
  readonly deviceMs: number;
  /** 0 when the device does everything. */
  readonly upBytes: number;
  /** From the last byte at the edge to the result there: compute past the device, and the hops between. */
  readonly remoteMs: number;
  readonly downBytes: number;
  /** Of the device's segment. */
  readonly deviceWeightBytes: number;
  /** The device's time for the layers past the cut: to finish there what was begun. */
  readonly restMs: number;
}

const BYTES_OF_HEADER = 300;
const BYTES_PER_MS_AND_MBPS = 125;
const RATES = 60;
const SLOWEST_MBPS = 0.02;
const FASTEST_MBPS = 500;

/** What a plan costs, link aside. */
export function planCosts(problem: Problem, tierOf: Assignment): PlanCosts {
  const { segments, boundaries } = segmentsOf(problem, tierOf, problem.tiers.length);
  const sum = (tier: number, onTier: number) =>
    (segments[tier]?.layers ?? []).reduce((ms, layer) => ms + (problem.layers[layer]?.computeMs[onTier] ?? 0), 0);
  const used = problem.tiers.map((_, tier) => (segments[tier]?.layers.length ?? 0) > 0);
  const fixedMs = (tier: number) => (used[tier] ? (problem.tierFixedMs[tier] ?? 0) : 0);
  const tiers = problem.tiers.map((_, tier) => tier).slice(1);
  const outputs = problem.tensors.filter((tensor) => tensor.isOutput);
  const remote = tiers.some((tier) => used[tier]);
  return {
    tierOf,
    label: problem.tiers.map((tier, index) => `${segments[index]?.layers.length ?? 0} ${tier}`).join(' · '),
    deviceMs: sum(0, 0) + fixedMs(0),
    upBytes: remote ? BYTES_OF_HEADER + boundaryBytes(problem, boundaries[0] ?? [], 0) : 0,
    remoteMs: tiers.reduce((ms, tier) => ms + sum(tier, tier) + fixedMs(tier), 0) + backboneMs(problem, boundaries),
    downBytes: remote ? BYTES_OF_HEADER + outputs.reduce((bytes, tensor) => bytes + tensor.bytes, 0) : 0,
    deviceWeightBytes: (segments[0]?.layers ?? []).reduce(
      (bytes, layer) => bytes + (problem.layers[layer]?.weightBytes ?? 0),
      0,
    ),
    restMs: tiers.reduce((ms, tier) => ms + sum(tier, 0), 0),
  };
}

/** Every plan that is the best at some rate of the first link, and the tiers alone where they are allowed. */
export function candidatePlans(problem: Problem, graph: PreparedGraph): PlanCosts[] {
  const found = new Map<string, Assignment>();
  for (let step = 0; step <= RATES; step++) {
    const mbps = SLOWEST_MBPS * (FASTEST_MBPS / SLOWEST_MBPS) ** (step / RATES);
    const bytesPerMs = mbps * BYTES_PER_MS_AND_MBPS;
    const hop = { upBytesPerMs: bytesPerMs, downBytesPerMs: bytesPerMs, delayMs: 20 };
    const plan = optimal.plan(withFirstHop(problem, hop), graph);
    if (isPlan(plan)) found.set(plan.tierOf.join(''), plan.tierOf);
  }
  const alone = problem.constraints.keepOnDevice === undefined ? problem.tiers.map((_, tier) => tier) : [0];
  for (const tier of alone) {
    const tierOf = problem.layers.map(() => tier);
    found.set(tierOf.join(''), tierOf);
  }
  return [...found.values()].map((tierOf) => planCosts(problem, tierOf));
}

function boundaryBytes(problem: Problem, names: readonly string[], hop: number): number {
  const wanted = new Set(names);
  return problem.tensors
    .filter(({ name }) => wanted.has(name))
    .reduce((bytes, tensor) => bytes + (tensor.codedBytes[hop] ?? 0), 0);
}

/** Hops past the first, there and back. A relayed message goes on as it comes, so the first of these hops adds its delay alone. */
function backboneMs(problem: Problem, boundaries: readonly (readonly string[])[]): number {
  return problem.hops.slice(1).reduce((ms, hop, index) => {
    const names = boundaries[index + 1] ?? [];
    if (names.length === 0) return ms;
    const relayed = names.join() === (boundaries[index] ?? []).join();
    const transferMs = relayed ? 0 : boundaryBytes(problem, names, index + 1) / hop.upBytesPerMs;
    return ms + 2 * hop.delayMs + transferMs;
  }, 0);
}
