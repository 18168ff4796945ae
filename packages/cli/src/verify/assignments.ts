import type { Assignment, LayerGraph } from '@d3/partition';
import { seededRandom } from './seeded-random.ts';

/**
 * Two-way assignments that cut the layer order after a prefix: layers 0 … k−1 on tier 0, the rest on tier 1.
 *
 * @param wanted - all of them, or that many, spread evenly and without a repeat
 */
export function prefixCuts(layerCount: number, wanted: 'all' | number): Assignment[] {
  const possible = layerCount - 1;
  const count = wanted === 'all' ? possible : Math.min(wanted, possible);
  const places = Array.from({ length: count }, (_, index) =>
    count === 1 ? Math.ceil(possible / 2) : 1 + Math.round((index * (possible - 1)) / (count - 1)),
  );
  return places.map((place) => Array.from({ length: layerCount }, (_, layer) => (layer < place ? 0 : 1)));
}

/**
 * Random three-way assignments in which no tier is empty (with fewer than three layers: the last ones are).
 *
 * Each is two places in a random topological order. Every assignment that the rule allows — never decreasing along an edge —
 * comes from such an order, so none is out of reach.
 */
export function randomAssignments(
  graph: LayerGraph,
  options: { readonly count: number; readonly seed: number },
): Assignment[] {
  const random = seededRandom(options.seed);
  return Array.from({ length: options.count }, () => {
    const order = randomTopologicalOrder(graph, random);
    const [first, second] = twoPlaces(order.length, random);
    const tierOf = new Array<number>(order.length).fill(0);
    order.forEach((layer, place) => {
      tierOf[layer] = place < first ? 0 : place < second ? 1 : 2;
    });
    return tierOf;
  });
}

function randomTopologicalOrder(graph: LayerGraph, random: () => number): number[] {
  const { waiting, readers } = dependencies(graph);
  const ready = waiting.flatMap((count, layer) => (count === 0 ? [layer] : []));
  const order: number[] = [];
  while (ready.length > 0) {
    const pick = Math.floor(random() * ready.length);
    const layer = ready[pick] ?? 0;
    ready[pick] = ready[ready.length - 1] ?? 0;
    ready.pop();
    order.push(layer);
    for (const reader of readers[layer] ?? []) {
      waiting[reader] = (waiting[reader] ?? 0) - 1;
      if (waiting[reader] === 0) ready.push(reader);
    }
  }
  return order;
}

/** Per layer, how many layers it waits for, and which wait for it. */
function dependencies(graph: LayerGraph): { waiting: number[]; readers: number[][] } {
  const producer = new Map<string, number>();
  graph.layers.forEach((layer, index) => {
    for (const name of layer.outputs) producer.set(name, index);
  });
  const readers: number[][] = graph.layers.map(() => []);
  const waiting = graph.layers.map((layer, index) => {
    const before = new Set(layer.inputs.flatMap((name) => producer.get(name) ?? []));
    for (const earlier of before) readers[earlier]?.push(index);
    return before.size;
  });
  return { waiting, readers };
}

/** Two places 0 < first < second < count; where there is no room, second is `count`. */
function twoPlaces(count: number, random: () => number): [number, number] {
  if (count < 3) return [1, count];
  const a = 1 + Math.floor(random() * (count - 1));
  const b = 1 + Math.floor(random() * (count - 2));
  const other = b >= a ? b + 1 : b;
  return [Math.min(a, other), Math.max(a, other)];
}
