import { readsOf, writesOf } from '../fold/open-graph.ts';
import type { ManifestLayer, ManifestWeight } from '../manifest.ts';
import type { OnnxNode } from '../proto/model.ts';
import { countFlops } from './count-flops.ts';
import { type GraphIndex, nodeAt } from './graph-index.ts';
import type { NodeGroup } from './group-nodes.ts';
import { ANCHORS } from './operator-kinds.ts';
import { spatialGeometry } from './spatial-geometry.ts';

/** Layers, with the nodes of the graph in the order that they refer to. */
export interface DescribedLayers {
  readonly layers: readonly ManifestLayer[];
  readonly nodes: readonly OnnxNode[];
}

/** Turns groups of nodes into layers; nodes are put in the order of the layers. */
export function describeLayers(
  index: GraphIndex,
  groups: readonly NodeGroup[],
  weights: ReadonlyMap<string, ManifestWeight>,
): DescribedLayers {
  const members = groups.map((group) => [...constantSources(index, group.nodes), ...group.nodes]);
  const order = [...new Set(members.flat())];
  const place = new Map(order.map((at, position) => [at, position]));
  const names = new Set<string>();
  const layers = groups.map((group, at) => {
    const nodes = (members[at] ?? []).map((node) => place.get(node) ?? 0).sort((a, b) => a - b);
    return describe(index, group, { nodes, names, weights, all: members[at] ?? [], order });
  });
  return { layers, nodes: order.map((at) => nodeAt(index, at)) };
}

/** The nodes without inputs that these nodes depend on, ascending. */
function constantSources(index: GraphIndex, nodes: readonly number[]): readonly number[] {
  const found = new Set<number>();
  const visit = (at: number): void => {
    for (const name of readsOf(nodeAt(index, at))) {
      const maker = index.makers.get(name);
      if (maker === undefined || !index.constantNodes.has(maker) || found.has(maker) || nodes.includes(maker)) continue;
      found.add(maker);
      visit(maker);
    }
  };
  for (const at of nodes) visit(at);
  return [...found].sort((a, b) => a - b);
}

interface LayerContext {
  readonly nodes: readonly number[];
  readonly all: readonly number[];
  readonly order: readonly number[];
  readonly names: Set<string>;
  readonly weights: ReadonlyMap<string, ManifestWeight>;
}

function describe(index: GraphIndex, group: NodeGroup, context: LayerContext): ManifestLayer {
  const main = mainNode(index, group);
  const members = context.all.map((at) => nodeAt(index, at));
  const kind = group.composedKind ?? main.op;
  const made = new Set(members.flatMap(writesOf));
  const reads = new Set(members.flatMap(readsOf));
  const outside = (name: string) => index.outputs.has(name) || isReadOutside(index, name, context.all);
  const own = group.nodes.flatMap((at) => writesOf(nodeAt(index, at)));
  const external = [...reads].flatMap((name) => context.weights.get(name) ?? []);
  const refs = new Map(external.map((weight) => [weight.id, { id: weight.id, bytes: weight.bytes }]));
  const spatial = hasPad(members) ? undefined : spatialGeometry(index, main);
  return {
    name: layerName(main, kind, context),
    kind,
    flops: members.reduce((sum, node) => sum + countFlops(index, node), 0),
    weightBytes: [...refs.values()].reduce((sum, ref) => sum + ref.bytes, 0),
    inputs: [...reads].filter((name) => !made.has(name) && !index.graph.constants.has(name)),
    outputs: own.filter(outside),
    weights: [...refs.values()],
    nodes: context.nodes,
    ops: context.nodes.map((position) => nodeAt(index, context.order[position] ?? -1).op),
    weightNames: external.map((weight) => weight.name),
    ...(spatial === undefined ? {} : { spatial }),
  };
}

function isReadOutside(index: GraphIndex, name: string, members: readonly number[]): boolean {
  return (index.readers.get(name) ?? []).some((reader) => !members.includes(reader));
}

function hasPad(members: readonly OnnxNode[]): boolean {
  return members.some((node) => node.op === 'Pad');
}

/** The operator that a layer is known by: its convolution or product, else the one that computes most. */
function mainNode(index: GraphIndex, group: NodeGroup): OnnxNode {
  const nodes = group.nodes.map((at) => nodeAt(index, at));
  const anchor = nodes.find((node) => ANCHORS.includes(node.op));
  const byWork = nodes.toSorted((a, b) => countFlops(index, b) - countFlops(index, a));
  const main = anchor ?? byWork[0];
  if (main === undefined) throw new RangeError('A layer without nodes');
  return main;
}

/** The main node's own name, or its kind and place; made unique. */
function layerName(main: OnnxNode, kind: string, context: LayerContext): string {
  const wanted = main.name === '' ? `${kind}_${context.names.size}` : main.name;
  let name = wanted;
  for (let count = 2; context.names.has(name); count++) name = `${wanted}_${count}`;
  context.names.add(name);
  return name;
}
