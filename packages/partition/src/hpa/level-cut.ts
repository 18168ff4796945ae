import type { LabelCosts } from '../labelling/label-costs.ts';
import type { LabelModel } from '../labelling/label-model.ts';
import type { Levels } from './levels.ts';

/**
 * The best labelling that gives every level one label: by the cheapest way to finish from each level on, from the last to
 * the first. Exact for chains, and where to start for the rest.
 *
 * @param labels - overwritten with the label of each variable
 * @returns its cost; `Infinity` when no such labelling is allowed
 */
export function levelCut(
  model: LabelModel,
  { levels, costs, labels }: { levels: Levels; costs: LabelCosts; labels: Uint8Array },
): number {
  const count = costs.labelCount;
  const { tailMs, crossMs } = levelSums(model, levels, costs);
  const next = new Uint8Array(tailMs.length);
  for (let at = tailMs.length - count - 1; at >= 0; at--) {
    const label = at % count;
    const level = (at - label) / count;
    let best = label;
    let restMs = tailMs[at + count] ?? 0;
    let leaveMs = 0;
    for (let other = label + 1; other < count; other++) {
      leaveMs += crossMs[level * (count - 1) + other - 1] ?? 0;
      const ms = leaveMs + (tailMs[at + count + other - label] ?? 0);
      if (ms < restMs) [best, restMs] = [other, ms];
    }
    next[at] = best;
    tailMs[at] = (tailMs[at] ?? 0) + restMs;
  }
  let label = 0;
  for (let other = 1; other < count; other++) if ((tailMs[other] ?? 0) < (tailMs[label] ?? 0)) label = other;
  const totalMs = costs.constantMs + (tailMs[label] ?? 0);
  const labelOf = new Uint8Array(levels.count);
  for (let level = 0; level < levels.count; level++) {
    labelOf[level] = label;
    label = next[level * count + label] ?? 0;
  }
  for (let variable = 0; variable < labels.length; variable++) {
    labels[variable] = labelOf[levels.levelOf[variable] ?? 0] ?? 0;
  }
  return totalMs;
}

/** Own time of each level per label, and what crosses each hop after each level. */
function levelSums(
  { graph, furthestReader }: LabelModel,
  { count, levelOf }: Levels,
  { labelCount, unary, transfer }: LabelCosts,
): { tailMs: Float64Array; crossMs: Float64Array } {
  const tailMs = new Float64Array(count * labelCount);
  for (let variable = 0, from = 0; variable < levelOf.length; variable++) {
    const to = (levelOf[variable] ?? 0) * labelCount;
    for (let label = 0; label < labelCount; label++)
      tailMs[to + label] = (tailMs[to + label] ?? 0) + (unary[from++] ?? 0);
  }
  const hops = labelCount - 1;
  const crossMs = new Float64Array(count * hops);
  for (let tensor = 0; tensor < graph.tensorCount; tensor++) {
    const [writer, reader] = [graph.producerOf[tensor] ?? -1, furthestReader[tensor] ?? -1];
    if (writer < 0 || reader < 0) continue;
    const [from, to] = [(levelOf[writer] ?? 0) * hops, (levelOf[reader] ?? 0) * hops];
    for (let hop = 0; hop < hops; hop++) {
      const ms = transfer[tensor * hops + hop] ?? 0;
      crossMs[from + hop] = (crossMs[from + hop] ?? 0) + ms;
      crossMs[to + hop] = (crossMs[to + hop] ?? 0) - ms;
    }
  }
  for (let at = hops; at < crossMs.length; at++) crossMs[at] = (crossMs[at] ?? 0) + (crossMs[at - hops] ?? 0);
  return { tailMs, crossMs };
}
