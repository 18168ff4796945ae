import type { LabelCosts } from './label-costs.ts';
import type { LabelModel } from './label-model.ts';

/** What a labelling costs; `Infinity` when a layer has a label it may not have. */
export function labellingCost(model: LabelModel, costs: LabelCosts, labels: Uint8Array): number {
  const { labelCount, unary, pair } = costs;
  let total = costs.constant;
  for (let variable = 0; variable < model.variableCount; variable++) {
    total += unary[variable * labelCount + (labels[variable] ?? 0)] ?? 0;
  }
  for (let index = 0; index < model.pairFrom.length; index++) {
    const from = labels[model.pairFrom[index] ?? 0] ?? 0;
    const to = labels[model.pairTo[index] ?? 0] ?? 0;
    for (let hop = from; hop < to; hop++) total += pair[index * (labelCount - 1) + hop] ?? 0;
  }
  return total;
}
