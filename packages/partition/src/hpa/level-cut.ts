import type { LabelCosts } from '../labelling/label-costs.ts';
import type { LabelModel } from '../labelling/label-model.ts';
import type { Levels } from './levels.ts';

/** Costs added up over levels. All are linear in the weights that the costs were made with. */
export interface LevelSums {
  /** `ownMs[level * labels + label]`. */
  readonly ownMs: Float64Array;
  /** `crossMs[level * hops + hop]`: what crosses a hop that is cut just after that level. */
  readonly crossMs: Float64Array;
  readonly constantMs: number;
}

/** Adds up the costs of a labelling over levels. */
export function levelSums(model: LabelModel, { count, levelOf }: Levels, costs: LabelCosts): LevelSums {
  const { labelCount, unary, transfer, constantMs } = costs;
  const { graph, furthestReader } = model;
  const hops = labelCount - 1;
  const ownMs = new Float64Array(count * labelCount);
  const crossMs = new Float64Array(count * hops);
  for (let at = 0; at < unary.length; at++) {
    const label = at % labelCount;
    add(ownMs, (levelOf[(at - label) / labelCount] ?? 0) * labelCount + label, unary[at]);
  }
  for (let tensor = 0; tensor < graph.tensorCount; tensor++) {
    const [writer, reader] = [graph.producerOf[tensor] ?? -1, furthestReader[tensor] ?? -1];
    if (writer < 0 || reader < 0) continue;
    for (let hop = 0; hop < hops; hop++) {
      const ms = transfer[tensor * hops + hop] ?? 0;
      add(crossMs, (levelOf[writer] ?? 0) * hops + hop, ms);
      add(crossMs, (levelOf[reader] ?? 0) * hops + hop, -ms);
    }
  }
  for (let at = hops; at < crossMs.length; at++) add(crossMs, at, crossMs[at - hops]);
  return { ownMs, crossMs, constantMs };
}

function add(sums: Float64Array, at: number, ms = 0): void {
  sums[at] = (sums[at] ?? 0) + ms;
}

/**
 * The best labelling that gives every level one label: by the cheapest way to finish from each level on, from the last to
 * the first. Exact for chains, and where to start for the rest.
 *
 * @param labelOf - overwritten with the label of each level
 * @returns its cost; `Infinity` when no such labelling is allowed
 */
export function levelCut({ ownMs, crossMs, constantMs }: LevelSums, labelOf: Uint8Array): number {
  const count = ownMs.length / labelOf.length;
  const tailMs = ownMs.slice();
  const next = new Uint8Array(tailMs.length);
  for (let at = tailMs.length - count, cross = crossMs.length - count + 1; at > 0; cross -= count - 1) {
    // Of the level before: from the last label to the first, stay or leave for the best of those beyond.
    let [best, restMs] = [count - 1, tailMs[at + count - 1] ?? 0];
    for (let label = count - 1; label >= 0; label--) {
      const leaveMs = restMs + (label < count - 1 ? (crossMs[cross - count + 1 + label] ?? 0) : 0);
      const stayMs = tailMs[at + label] ?? 0;
      if (stayMs <= leaveMs) best = label;
      restMs = Math.min(stayMs, leaveMs);
      add(tailMs, at - count + label, restMs);
      next[at - count + label] = best;
    }
    at -= count;
  }
  let label = 0;
  for (let other = 1; other < count; other++) if ((tailMs[other] ?? 0) < (tailMs[label] ?? 0)) label = other;
  const totalMs = constantMs + (tailMs[label] ?? 0);
  for (let level = 0; level < labelOf.length; level++) {
    labelOf[level] = label;
    label = next[level * count + label] ?? 0;
  }
  return totalMs;
}

/** Spreads a label per level over the layers. */
export function spreadLevels({ levelOf }: Levels, labelOf: Uint8Array, labels: Uint8Array): void {
  for (let at = 0; at < labels.length; at++) labels[at] = labelOf[levelOf[at] ?? 0] ?? 0;
}
