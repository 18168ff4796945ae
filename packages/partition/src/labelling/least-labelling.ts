import { FlowNetwork } from './flow-network.ts';
import type { LabelCosts } from './label-costs.ts';
import type { LabelModel } from './label-model.ts';

/**
 * A labelling of least cost, as a minimum cut. Each variable has one node per hop, on the source's side when its label lies
 * beyond that hop; orders are arcs that cannot be cut; a tensor is an arc from its furthest reader back to its writer, cut
 * when only the reader lies beyond the hop (SPEC.md, O3).
 *
 * Exact up to rounding; of several best labellings it gives the one with the smallest labels.
 *
 * @returns label of each variable; of one that no labelling can spare it, maybe a label it may not have
 */
export function leastLabelling(model: LabelModel, costs: LabelCosts): Uint8Array {
  const hops = costs.labelCount - 1;
  const labels = new Uint8Array(model.variableCount);
  if (hops === 0) return labels;
  networkOf(model, costs)
    .sourceSide()
    .forEach((beyond, node) => {
      const variable = Math.floor(node / hops);
      labels[variable] = (labels[variable] ?? 0) + beyond;
    });
  return labels;
}

function networkOf({ graph, orders, variableCount, furthestReader }: LabelModel, costs: LabelCosts): FlowNetwork {
  const hops = costs.labelCount - 1;
  const network = new FlowNetwork(variableCount * hops, (variableCount + graph.tensorCount + orders.length / 2) * hops);
  addUnaries(network, costs);
  for (let hop = 0; hop < hops; hop++) {
    for (let tensor = 0; tensor < graph.tensorCount; tensor++) {
      const [writer, reader] = [graph.producerOf[tensor] ?? -1, furthestReader[tensor] ?? -1];
      if (writer < 0 || reader < 0) continue;
      const capacity = costs.transfer[tensor * hops + hop] ?? 0;
      network.addArc(reader * hops + hop, writer * hops + hop, { capacity, back: Number.POSITIVE_INFINITY });
    }
    for (let order = 0; order < orders.length; order += 2) {
      const [low, high] = [orders[order] ?? 0, orders[order + 1] ?? 0];
      network.addArc(low * hops + hop, high * hops + hop, { capacity: Number.POSITIVE_INFINITY, back: 0 });
    }
  }
  return network;
}

function addUnaries(network: FlowNetwork, costs: LabelCosts): void {
  const { labelCount, unary } = costs;
  const forbidden = forbiddingCost(costs);
  for (let at = 0, node = 0; at < unary.length; at += labelCount) {
    for (let label = 1; label < labelCount; label++, node++) {
      const before = Math.min(unary[at + label - 1] ?? 0, forbidden);
      network.addTerminal(node, before - Math.min(unary[at + label] ?? 0, forbidden));
      if (label > 1) network.addArc(node, node - 1, { capacity: Number.POSITIVE_INFINITY, back: 0 });
    }
  }
}

/** More than any labelling without a forbidden label can cost, and no larger than needed, since it costs precision. */
function forbiddingCost({ unary, transfer }: LabelCosts): number {
  let total = 1;
  for (const ms of unary) if (ms !== Number.POSITIVE_INFINITY) total += ms;
  for (const ms of transfer) total += ms;
  return total;
}
