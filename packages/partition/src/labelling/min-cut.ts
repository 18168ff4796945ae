import { FlowNetwork } from './flow-network.ts';
import type { LabelCosts } from './label-costs.ts';
import type { LabelModel } from './label-model.ts';

/**
 * Finds a labelling of least cost as a minimum cut. Each variable has one node per hop, on the source's side when its
 * label lies beyond that hop; orders are arcs that cannot be cut; a tensor is an arc from its furthest reader back to its
 * producer, cut when only the reader lies beyond the hop (SPEC.md, O3).
 *
 * Exact up to rounding; of several best labellings it gives the one with the smallest labels.
 *
 * @returns label of each variable
 */
export function minCut(model: LabelModel, costs: LabelCosts): Uint8Array {
  const hops = costs.labelCount - 1;
  const labels = new Uint8Array(model.variableCount);
  if (hops === 0) return labels;
  const network = networkOf(model, costs);
  const reached = network.sourceSide();
  for (let variable = 0; variable < model.variableCount; variable++) {
    for (let hop = 0; hop < hops; hop++)
      labels[variable] = (labels[variable] ?? 0) + (reached[variable * hops + hop] ?? 0);
  }
  return labels;
}

function networkOf(model: LabelModel, costs: LabelCosts): FlowNetwork {
  const { pairFrom, pairTo, orderLow, orderHigh, variableCount } = model;
  const hops = costs.labelCount - 1;
  const network = new FlowNetwork(
    variableCount * hops,
    variableCount * hops + 2 * (pairFrom.length + orderLow.length) * hops,
  );
  addUnaries(network, { variableCount, costs });
  for (let hop = 0; hop < hops; hop++) {
    for (let pair = 0; pair < pairFrom.length; pair++) {
      const [low, high] = [(pairFrom[pair] ?? 0) * hops + hop, (pairTo[pair] ?? 0) * hops + hop];
      network.addArc(high, low, { capacity: costs.pair[pair * hops + hop] ?? 0, back: Number.POSITIVE_INFINITY });
    }
    for (let order = 0; order < orderLow.length; order++) {
      const [low, high] = [(orderLow[order] ?? 0) * hops + hop, (orderHigh[order] ?? 0) * hops + hop];
      network.addArc(low, high, { capacity: Number.POSITIVE_INFINITY, back: 0 });
    }
  }
  return network;
}

function addUnaries(
  network: FlowNetwork,
  { variableCount, costs }: { variableCount: number; costs: LabelCosts },
): void {
  const { labelCount, unary } = costs;
  const forbidden = forbiddingCost(costs);
  const hops = labelCount - 1;
  for (let variable = 0; variable < variableCount; variable++) {
    let before = Math.min(unary[variable * labelCount] ?? 0, forbidden);
    for (let hop = 0; hop < hops; hop++) {
      const after = Math.min(unary[variable * labelCount + hop + 1] ?? 0, forbidden);
      network.addTerminal(variable * hops + hop, before - after);
      if (hop > 0) {
        const node = variable * hops + hop;
        network.addArc(node, node - 1, { capacity: Number.POSITIVE_INFINITY, back: 0 });
      }
      before = after;
    }
  }
}

/** More than any labelling without a forbidden label can cost, and no larger than needed, since it costs precision. */
function forbiddingCost({ unary, pair }: LabelCosts): number {
  let total = 1;
  for (const ms of unary) if (ms !== Number.POSITIVE_INFINITY) total += ms;
  for (const ms of pair) total += ms;
  return total;
}
