import { isElementType } from '@d3/tensor';
import { readsOf, writesOf } from '../fold/open-graph.ts';
import { topologicalOrder } from '../fold/open-model.ts';
import { groupAround } from './anchor-patterns.ts';
import { DisjointSets } from './disjoint-sets.ts';
import { type GraphIndex, nodeOfKind } from './graph-index.ts';
import { findComposed } from './norm-patterns.ts';
import { ANCHORS, PADDED } from './operator-kinds.ts';

/** The nodes of one layer. */
export interface NodeGroup {
  /** Indices of nodes that the layer alone has, ascending. */
  readonly nodes: readonly number[];
  /** The operator that a composed group amounts to. */
  readonly composedKind: string | undefined;
}

/**
 * Divides the nodes into layers, in topological order. Nodes come together by fusion pattern, across tensors that cannot cross a
 * hop (of another element type, or a shape that is only known when it runs), and where a cycle between layers would arise.
 * Nodes that depend on no input are in no group, unless a network output needs one.
 *
 * @param joined - tensors whose makers belong to one layer, list by list: what fences need (see `fenceTensor`)
 */
export function groupNodes(index: GraphIndex, joined: readonly (readonly string[])[] = []): readonly NodeGroup[] {
  const sets = new DisjointSets(index.graph.nodes.length);
  const grouped = (at: number) => !index.constantNodes.has(at);
  const join = (nodes: readonly number[]) => sets.join(nodes.filter(grouped));
  const kinds = new Map<number, string>();
  const composed = new Set<number>();
  for (const group of findComposed(index)) {
    if (group.nodes.some((at) => composed.has(at))) continue;
    join(group.nodes);
    for (const at of group.nodes) composed.add(at);
    for (const at of group.nodes) kinds.set(at, group.kind);
  }
  joinAnchors(index, sets, composed);
  for (const names of joined) join(names.flatMap((name) => index.makers.get(name) ?? []));
  for (const [name, maker] of index.makers) {
    if (!canCross(index, name)) join([maker, ...(index.readers.get(name) ?? [])]);
  }
  return orderGroups(index, sets, kinds);
}

function joinAnchors(index: GraphIndex, sets: DisjointSets, composed: ReadonlySet<number>): void {
  const taken = new Set(composed);
  index.graph.nodes.forEach((_, at) => {
    if (!nodeOfKind(index, at, [...ANCHORS, ...PADDED]) || index.constantNodes.has(at)) return;
    const group = groupAround(index, at).filter((node) => node === at || !taken.has(node));
    const members = group.filter((node) => !index.constantNodes.has(node));
    sets.join(members);
    for (const node of members) taken.add(node);
  });
}

/** Whether a tensor may be a boundary. */
function canCross(index: GraphIndex, name: string): boolean {
  const value = index.types.get(name);
  return value?.type !== null && value?.shape !== null && value !== undefined && isElementType(value.type);
}

function orderGroups(index: GraphIndex, sets: DisjointSets, kinds: ReadonlyMap<number, string>): readonly NodeGroup[] {
  const members = sets.groups().filter((nodes) => nodes.some((at) => isLayerNode(index, at)));
  for (;;) {
    const groupOf = new Map(members.flatMap((nodes, group) => nodes.map((at) => [at, group] as const)));
    const waits = members.map((nodes, group) => {
      const sources = nodes.flatMap((at) => sourcesOf(index, at)).flatMap((at) => groupOf.get(at) ?? []);
      return new Set(sources.filter((source) => source !== group));
    });
    const order = topologicalOrder(waits);
    if (order !== undefined) {
      return order.map((group) => {
        const nodes = members[group] ?? [];
        return { nodes, composedKind: nodes.length > 1 ? kinds.get(nodes[0] ?? -1) : undefined };
      });
    }
    mergeCycle(members, waits);
  }
}

function isLayerNode(index: GraphIndex, at: number): boolean {
  if (!index.constantNodes.has(at)) return true;
  return writesOf(
    index.graph.nodes[at] ?? { inputs: [], outputs: [], name: '', op: '', domain: '', overload: '', attributes: [] },
  ).some((name) => index.outputs.has(name));
}

function sourcesOf(index: GraphIndex, at: number): readonly number[] {
  const node = index.graph.nodes[at];
  if (node === undefined) return [];
  const makers = readsOf(node).flatMap((name) => index.makers.get(name) ?? []);
  return makers.filter((maker) => !index.constantNodes.has(maker));
}

/** Merges the groups of one cycle, in place. */
function mergeCycle(members: (readonly number[])[], waits: readonly ReadonlySet<number>[]): void {
  const cycle = findCycle(waits);
  const merged = cycle.flatMap((group) => members[group] ?? []).sort((a, b) => a - b);
  const rest = members.filter((_, group) => !cycle.includes(group));
  const place = rest.findIndex((nodes) => (nodes[0] ?? 0) > (merged[0] ?? 0));
  rest.splice(place === -1 ? rest.length : place, 0, merged);
  members.splice(0, members.length, ...rest);
}

function findCycle(waits: readonly ReadonlySet<number>[]): readonly number[] {
  const finished = new Set<number>();
  for (let start = 0; start < waits.length; start++) {
    const path: number[] = [];
    let at: number | undefined = start;
    while (at !== undefined && !finished.has(at)) {
      const seen = path.indexOf(at);
      if (seen !== -1) return path.slice(seen);
      path.push(at);
      const next: number | undefined = [...(waits[at] ?? [])].find((source) => !finished.has(source));
      if (next === undefined) {
        finished.add(at);
        path.pop();
        at = path.pop();
      } else at = next;
    }
  }
  throw new RangeError('No cycle among these groups');
}
