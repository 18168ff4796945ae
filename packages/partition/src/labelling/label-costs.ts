import { bytesTable, computeTable } from '../objective/cost-tables.ts';
import { type MergedHop, mergeHops } from '../objective/merge-hops.ts';
import type { Problem } from '../problem.ts';
import type { LabelModel } from './label-model.ts';

/** How much each part of the cost counts; all ones for latency, a point of the simplex when bounding throughput. */
export interface StageWeights {
  /** Compute and fixed costs, per tier. */
  readonly tier: readonly number[];
  /** Bytes up and down, per hop between stations. */
  readonly up: readonly number[];
  readonly down: readonly number[];
  readonly delay: number;
}

/** Which part of a problem a labelling covers, and at which weights. */
export interface LabelScope {
  /** Tiers, ascending, from the first tier on: label i is tier `stations[i]`. All but the first and last count as used. */
  readonly stations: readonly number[];
  /** Per layer, the tiers it may lie on (bits). */
  readonly masks: Int32Array;
  readonly weights: StageWeights;
  /** Added to a layer's time: `extraMs[layer * tiers + tier]`. */
  readonly extraMs?: Float64Array;
}

/** The numbers of a labelling. */
export interface LabelCosts {
  readonly labelCount: number;
  /** `unary[variable * labelCount + label]`; `Infinity` where a layer may not lie. */
  readonly unary: Float64Array;
  /** `transfer[tensor * (labelCount - 1) + hop]`: what a tensor costs on each hop between stations; 0 for network inputs. */
  readonly transfer: Float64Array;
  /** Cost that every labelling has. */
  readonly constantMs: number;
}

/** The costs of a labelling (SPEC.md, O1 and O2). */
export function labelCosts(problem: Problem, model: LabelModel, scope: LabelScope): LabelCosts {
  const { stations, weights } = scope;
  const labelCount = stations.length;
  const unary = new Float64Array(model.variableCount * labelCount);
  const transfer = new Float64Array(model.furthestReader.length * (labelCount - 1));
  const fixedMs = stations.map((tier) => (weights.tier[tier] ?? 0) * (problem.tierFixedMs[tier] ?? 0));
  const middle = fixedMs.slice(1, -1);
  const costs = { labelCount, unary, transfer, constantMs: middle.reduce((sum, ms) => sum + ms, 0) };
  addCompute(problem, scope, unary);
  mergeHops(problem.hops, stations).forEach((merged, hop) => {
    addHop(problem, model, { costs, hop, merged, weights });
  });
  addTo(unary, model.nearestLayer * labelCount, fixedMs[0]);
  if (labelCount > 1) addTo(unary, (model.furthestLayer + 1) * labelCount - 1, fixedMs.at(-1));
  return costs;
}

function addCompute(problem: Problem, { stations, masks, weights, extraMs }: LabelScope, unary: Float64Array): void {
  const computeMs = computeTable(problem);
  const tierCount = problem.tiers.length;
  let at = 0;
  for (let layer = 0; layer < masks.length; layer++) {
    const mask = masks[layer] ?? 0;
    for (const tier of stations) {
      const own = layer * tierCount + tier;
      const ms = (weights.tier[tier] ?? 0) * (computeMs[own] ?? 0) + (extraMs?.[own] ?? 0);
      unary[at++] = (mask & (1 << tier)) === 0 ? Number.POSITIVE_INFINITY : ms;
    }
  }
}

/** What crossing one hop costs: tensors on their way up, outputs on their way back, and its delay once each way. */
function addHop(
  problem: Problem,
  model: LabelModel,
  { costs, hop, merged, weights }: { costs: LabelCosts; hop: number; merged: MergedHop; weights: StageWeights },
): void {
  const { unary, transfer, labelCount } = costs;
  const { producerOf, networkOutputs } = model.graph;
  const bytes = bytesTable(problem);
  const tierCount = problem.tiers.length;
  const addBeyond = (variable: number, ms: number) => {
    for (let label = hop + 1; label < labelCount; label++) addTo(unary, variable * labelCount + label, ms);
  };
  const msPerByte = (weights.up[hop] ?? 0) / merged.upBytesPerMs;
  for (let tensor = 0; tensor < producerOf.length; tensor++) {
    const reader = model.furthestReader[tensor] ?? -1;
    if (reader < 0) continue;
    const ms = msPerByte * (bytes[tensor * tierCount + merged.first] ?? 0);
    if (producerOf[tensor] === -1) addBeyond(reader, ms);
    else transfer[tensor * (labelCount - 1) + hop] = ms;
  }
  for (const tensor of networkOutputs) {
    const backBytes = bytes[(tensor + 1) * tierCount - 1] ?? 0;
    addBeyond(producerOf[tensor] ?? 0, ((weights.down[hop] ?? 0) * backBytes) / merged.downBytesPerMs);
  }
  for (const variable of [model.furthestLayer, model.furthestOutput]) {
    if (variable >= 0) addBeyond(variable, weights.delay * merged.delayMs);
  }
}

function addTo(sums: Float64Array, at: number, ms = 0): void {
  sums[at] = (sums[at] ?? 0) + ms;
}
