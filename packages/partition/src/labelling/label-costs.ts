import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { mergeHops } from '../objective/merge-hops.ts';
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

/** The numbers of a labelling for one set of stations. Buffers belong to whoever made them and are reused. */
export interface LabelCosts {
  readonly labelCount: number;
  /** `unary[variable * labelCount + label]`; `Infinity` where a layer may not lie. */
  readonly unary: Float64Array;
  /** `pair[pair * (labelCount - 1) + hop]`: what the pair's tensors cost on each hop between stations. */
  readonly pair: Float64Array;
  /** Cost that every labelling has. */
  readonly constant: number;
}

/** What a labelling is filled from. */
export interface LabelSource {
  readonly problem: Problem;
  readonly graph: PreparedGraph;
  readonly model: LabelModel;
  /** Per layer, the tiers it may lie on (bits). */
  readonly masks: Int32Array;
}

/** Which part of the problem a labelling covers. */
export interface LabelScope {
  /** Tiers, ascending, from the first tier on: label i is tier `stations[i]`. All but the first and last count as used. */
  readonly stations: readonly number[];
  readonly weights: StageWeights;
  /** Added to the unary costs: `extra[layer * tiers + tier]`. */
  readonly extra?: Float64Array;
}

/** Writes the costs of a labelling (SPEC.md, section 4). */
export function fillLabelCosts(source: LabelSource, scope: LabelScope): LabelCosts {
  const { problem, model } = source;
  const labelCount = scope.stations.length;
  const unary = new Float64Array(model.variableCount * labelCount);
  const pair = new Float64Array(model.pairFrom.length * (labelCount - 1));
  const costs = { labelCount, unary, pair, constant: middleFixedMs(problem, scope) };
  fillCompute(source, scope, unary);
  const hops = mergeHops(problem.hops, scope.stations);
  fillTransfers(source, { scope, hops, costs });
  fillReturns(source, { scope, hops, unary });
  fillShared(source, { scope, hops, unary });
  return costs;
}

function middleFixedMs(problem: Problem, { stations, weights }: LabelScope): number {
  const middle = stations.slice(1, -1);
  return middle.reduce((total, tier) => total + (weights.tier[tier] ?? 0) * (problem.tierFixedMs[tier] ?? 0), 0);
}

function fillCompute({ problem, masks }: LabelSource, scope: LabelScope, unary: Float64Array): void {
  const { stations, weights, extra } = scope;
  const tierCount = problem.tiers.length;
  let at = 0;
  for (let layer = 0; layer < masks.length; layer++) {
    const computeMs = problem.layers[layer]?.computeMs ?? [];
    const mask = masks[layer] ?? 0;
    for (const tier of stations) {
      const ms = (weights.tier[tier] ?? 0) * (computeMs[tier] ?? 0) + (extra?.[layer * tierCount + tier] ?? 0);
      unary[at++] = (mask & (1 << tier)) === 0 ? Number.POSITIVE_INFINITY : ms;
    }
  }
}

type Hops = ReturnType<typeof mergeHops>;

function fillTransfers(
  { problem, model }: LabelSource,
  { scope, hops, costs }: { scope: LabelScope; hops: Hops; costs: LabelCosts },
): void {
  const { unary, pair, labelCount } = costs;
  hops.forEach(({ first, upBytesPerMs }, hop) => {
    const msPerByte = (scope.weights.up[hop] ?? 0) / upBytesPerMs;
    const bytesOf = (tensors: { start: Int32Array; items: Int32Array }, index: number) => {
      let bytes = 0;
      for (let at = tensors.start[index] ?? 0; at < (tensors.start[index + 1] ?? 0); at++) {
        bytes += problem.tensors[tensors.items[at] ?? 0]?.codedBytes[first] ?? 0;
      }
      return bytes;
    };
    for (let index = 0; index < model.pairFrom.length; index++) {
      pair[index * (labelCount - 1) + hop] = msPerByte * bytesOf(model.pairTensors, index);
    }
    model.inputVariables.forEach((variable, index) => {
      addBeyond(unary, { variable, labelCount, hop, ms: msPerByte * bytesOf(model.inputTensors, index) });
    });
  });
}

function fillReturns(
  { problem, graph }: LabelSource,
  { scope, hops, unary }: { scope: LabelScope; hops: Hops; unary: Float64Array },
): void {
  for (const tensor of graph.networkOutputs) {
    const variable = graph.producerOf[tensor] ?? 0;
    const bytes = problem.tensors[tensor]?.bytes ?? 0;
    hops.forEach(({ downBytesPerMs }, hop) => {
      const ms = ((scope.weights.down[hop] ?? 0) * bytes) / downBytesPerMs;
      addBeyond(unary, { variable, labelCount: scope.stations.length, hop, ms });
    });
  }
}

/** Costs due once, however many layers cause them: delays, and the fixed costs of the first and last station. */
function fillShared(
  { problem, model }: LabelSource,
  { scope, hops, unary }: { scope: LabelScope; hops: Hops; unary: Float64Array },
): void {
  const { stations, weights } = scope;
  const labelCount = stations.length;
  hops.forEach(({ delayMs }, hop) => {
    const ms = weights.delay * delayMs;
    addBeyond(unary, { variable: model.furthestLayer, labelCount, hop, ms });
    if (model.furthestOutput >= 0) addBeyond(unary, { variable: model.furthestOutput, labelCount, hop, ms });
  });
  const fixedMs = (tier: number) => (weights.tier[tier] ?? 0) * (problem.tierFixedMs[tier] ?? 0);
  const nearest = model.nearestLayer * labelCount;
  unary[nearest] = (unary[nearest] ?? 0) + fixedMs(0);
  if (labelCount > 1) {
    const furthest = model.furthestLayer * labelCount + labelCount - 1;
    unary[furthest] = (unary[furthest] ?? 0) + fixedMs(stations.at(-1) ?? 0);
  }
}

function addBeyond(
  unary: Float64Array,
  { variable, labelCount, hop, ms }: { variable: number; labelCount: number; hop: number; ms: number },
): void {
  for (let label = hop + 1; label < labelCount; label++) {
    const at = variable * labelCount + label;
    unary[at] = (unary[at] ?? 0) + ms;
  }
}
