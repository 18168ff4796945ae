import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { Ledger } from '../objective/ledger.ts';
import type { Plan, Problem } from '../problem.ts';
import { memoryViolation } from '../verify/memory-violation.ts';

/** Passes over the layers before improving stops, better or not. */
const PASSES = 6;

/** Moves single layers while that helps. Returns a valid plan that is no worse. */
export function improve(
  problem: Problem,
  graph: PreparedGraph,
  { plan, masks }: { plan: Plan; masks: Int32Array },
): Plan {
  const ledger = new Ledger(problem, graph, plan.tierOf);
  let bestMs = ledger.objectiveMs();
  for (let pass = 0; pass < PASSES; pass++) {
    const beforeMs = bestMs;
    for (let layer = 0; layer < graph.layerCount; layer++) {
      const from = ledger.tierOf(layer);
      const [lowest, highest] = freedom(ledger, graph, { layer, tierCount: problem.tiers.length });
      for (let tier = lowest; tier <= highest; tier++) {
        if (tier === from || ((masks[layer] ?? 0) & (1 << tier)) === 0) continue;
        const back = ledger.tierOf(layer);
        ledger.move(layer, tier);
        const ms = ledger.objectiveMs();
        if (ms < bestMs * (1 - 1e-12) && fits(problem, graph, ledger)) bestMs = ms;
        else ledger.move(layer, back);
      }
    }
    if (bestMs === beforeMs) break;
  }
  return new Ledger(problem, graph, ledger.assignment()).plan();
}

/** The tiers between a layer's predecessors and successors. */
function freedom(
  ledger: Ledger,
  { predecessors, successors }: PreparedGraph,
  { layer, tierCount }: { layer: number; tierCount: number },
): [number, number] {
  let [lowest, highest] = [0, tierCount - 1];
  for (let at = predecessors.start[layer] ?? 0; at < (predecessors.start[layer + 1] ?? 0); at++) {
    lowest = Math.max(lowest, ledger.tierOf(predecessors.items[at] ?? 0));
  }
  for (let at = successors.start[layer] ?? 0; at < (successors.start[layer + 1] ?? 0); at++) {
    highest = Math.min(highest, ledger.tierOf(successors.items[at] ?? 0));
  }
  return [lowest, highest];
}

function fits(problem: Problem, graph: PreparedGraph, ledger: Ledger): boolean {
  if (problem.constraints.memoryBytes === undefined) return true;
  return memoryViolation(problem, ledger.assignment(), graph) === null;
}
