import { type PreparedGraph, prepareGraph } from '../graph/prepare-graph.ts';
import type { Assignment, Breakdown, Plan, Problem } from '../problem.ts';
import { mergeHops } from './merge-hops.ts';

/**
 * What an assignment costs (SPEC.md, section 3): the one evaluator that strategies, tests and the runtime share. It does
 * not check the constraints; `verifyPlan` does.
 *
 * @param graph - of the problem's layers and tensors; saves preparing it again
 * @returns a plan with `boundMs` 0: evaluating proves nothing about other plans. The assignment is copied.
 */
export function evaluate(problem: Problem, tierOf: Assignment, graph: PreparedGraph = prepareGraph(problem)): Plan {
  const used = problem.tiers.map(() => false);
  for (const tier of tierOf) used[tier] = true;
  const stations = problem.tiers.flatMap((_, tier) => (tier === 0 || used[tier] ? [tier] : []));
  const { stageMs, breakdown } = evaluateOn(problem, tierOf, { graph, stations });
  const { computeMs, transferMs, fixedMs, returnMs } = breakdown;
  return {
    tierOf: Array.from(tierOf),
    latencyMs: sum(computeMs) + sum(transferMs) + fixedMs + returnMs,
    slowestStageMs: Math.max(...stageMs),
    boundMs: 0,
    breakdown,
  };
}

/** An assignment's cost over given stations. */
export interface StationCosts {
  readonly breakdown: Breakdown;
  /** Time each stage is busy per request: one per station, one per hop between stations up, one per hop down. */
  readonly stageMs: readonly number[];
}

/**
 * The cost over the given stations, even those between that hold no layer: what a labelling charges.
 *
 * @param options.stations - ascending, from the first tier on, among them every tier that holds a layer
 */
export function evaluateOn(
  problem: Problem,
  tierOf: Assignment,
  { graph, stations }: { readonly graph: PreparedGraph; readonly stations: readonly number[] },
): StationCosts {
  const { computeMs, holds } = computeTimes(problem, tierOf);
  const { up, down, furthestOutput } = crossingBytes(problem, tierOf, { graph, stations });
  const furthest = holds.lastIndexOf(true);
  const transferMs = problem.hops.map(() => 0);
  let returnMs = 0;
  const upMs: number[] = [];
  const downMs: number[] = [];
  mergeHops(problem.hops, stations).forEach((hop, index) => {
    upMs.push((up[index] ?? 0) / hop.upBytesPerMs);
    downMs.push((down[index] ?? 0) / hop.downBytesPerMs);
    if (furthest > hop.first) transferMs[hop.first] = hop.delayMs + (upMs[index] ?? 0);
    if (furthestOutput > hop.first) returnMs += hop.delayMs + (downMs[index] ?? 0);
  });
  const middle = stations.slice(1, -1);
  const fixed = problem.tierFixedMs.map((ms, tier) => (holds[tier] || middle.includes(tier) ? ms : 0));
  const busyMs = stations.map(
    (tier) => ((computeMs[tier] ?? 0) + (fixed[tier] ?? 0)) / (problem.concurrency[tier] ?? 1),
  );
  return {
    breakdown: { computeMs, transferMs, fixedMs: sum(fixed), returnMs },
    stageMs: [...busyMs, ...upMs, ...downMs],
  };
}

function computeTimes(problem: Problem, tierOf: Assignment): { computeMs: number[]; holds: boolean[] } {
  const computeMs = problem.tiers.map(() => 0);
  const holds = problem.tiers.map(() => false);
  problem.layers.forEach((layer, index) => {
    const tier = tierOf[index] ?? 0;
    computeMs[tier] = (computeMs[tier] ?? 0) + (layer.computeMs[tier] ?? 0);
    holds[tier] = true;
  });
  return { computeMs, holds };
}

/** Bytes over each hop between stations, up and down, and the furthest tier that writes a network output. */
function crossingBytes(
  problem: Problem,
  tierOf: Assignment,
  { graph, stations }: { graph: PreparedGraph; stations: readonly number[] },
): { up: number[]; down: number[]; furthestOutput: number } {
  const up = stations.slice(1).map(() => 0);
  const down = stations.slice(1).map(() => 0);
  let furthestOutput = 0;
  const { start, items } = graph.readers;
  problem.tensors.forEach((tensor, index) => {
    const producer = graph.producerOf[index] ?? -1;
    const from = producer < 0 ? 0 : (tierOf[producer] ?? 0);
    let to = from;
    for (let at = start[index] ?? 0; at < (start[index + 1] ?? 0); at++) to = Math.max(to, tierOf[items[at] ?? 0] ?? 0);
    if (tensor.isOutput) furthestOutput = Math.max(furthestOutput, from);
    for (let hop = 0; hop < up.length; hop++) {
      const station = stations[hop] ?? 0;
      if (from <= station && to > station) up[hop] = (up[hop] ?? 0) + (tensor.codedBytes[station] ?? 0);
      if (tensor.isOutput && from > station) down[hop] = (down[hop] ?? 0) + tensor.bytes;
    }
  });
  return { up, down, furthestOutput };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
