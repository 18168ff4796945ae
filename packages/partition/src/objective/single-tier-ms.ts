import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { Problem } from '../problem.ts';
import { mergeHops } from './merge-hops.ts';

/** Latency of having every layer on one tier: what the ledger would say, at a fraction of its work. */
export function singleTierMs(problem: Problem, graph: PreparedGraph, tier: number): number {
  let total = problem.tierFixedMs[tier] ?? 0;
  for (const layer of problem.layers) total += layer.computeMs[tier] ?? 0;
  const [hop] = tier === 0 ? [] : mergeHops(problem.hops, [0, tier]);
  if (hop === undefined) return total;
  const { start } = graph.readers;
  for (let tensor = 0; tensor < graph.tensorCount; tensor++) {
    if (graph.producerOf[tensor] !== -1 || start[tensor] === start[tensor + 1]) continue;
    total += (problem.tensors[tensor]?.codedBytes[0] ?? 0) / hop.upBytesPerMs;
  }
  for (const tensor of graph.networkOutputs) total += (problem.tensors[tensor]?.bytes ?? 0) / hop.downBytesPerMs;
  return total + hop.delayMs * (graph.networkOutputs.length > 0 ? 2 : 1);
}
