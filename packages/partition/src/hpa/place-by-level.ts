import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { MergedHop } from '../objective/merge-hops.ts';
import type { Problem } from '../problem.ts';
import type { Levels } from './levels.ts';

/** What placing layers by level needs. */
export interface PlaceScope {
  readonly graph: PreparedGraph;
  readonly levels: Levels;
  readonly masks: Int32Array;
  readonly stations: readonly number[];
  readonly hops: readonly MergedHop[];
}

/**
 * HPA's plain greedy: level by level, each layer goes where its own time and the transfer of its inputs add up to the least,
 * on a tier no nearer than any it reads from. Then SIS: siblings whose inputs have meanwhile been sent on are tested again.
 */
export function placeByLevel(problem: Problem, scope: PlaceScope): number[] {
  const placing = new Placing(problem, scope);
  const { start, items } = scope.levels.layers;
  const stations = scope.stations.length;
  for (let level = 0; level < scope.levels.count; level++) {
    const [from, to] = [start[level] ?? 0, start[level + 1] ?? 0];
    let [nearest, furthest] = [stations, 0];
    for (let at = from; at < to; at++) {
      const station = placing.place(items[at] ?? 0);
      nearest = Math.min(nearest, station);
      furthest = Math.max(furthest, station);
    }
    if (nearest < furthest) for (let at = from; at < to; at++) placing.place(items[at] ?? 0);
  }
  return placing.assignment();
}

class Placing {
  readonly #problem: Problem;
  readonly #scope: PlaceScope;
  /** Station of each layer. */
  readonly #at: Uint8Array;
  /** Furthest station that each tensor has been sent to. */
  readonly #sent: Uint8Array;
  #furthest = 0;

  constructor(problem: Problem, scope: PlaceScope) {
    this.#problem = problem;
    this.#scope = scope;
    this.#at = new Uint8Array(scope.graph.layerCount);
    this.#sent = new Uint8Array(scope.graph.tensorCount);
  }

  assignment(): number[] {
    const tierOf = new Array<number>(this.#at.length);
    for (let layer = 0; layer < tierOf.length; layer++) tierOf[layer] = this.#scope.stations[this.#at[layer] ?? 0] ?? 0;
    return tierOf;
  }

  /** Places a layer, or places it again. Returns its station. */
  place(layer: number): number {
    const { graph, masks, stations } = this.#scope;
    let nearest = 0;
    const { start, items } = graph.predecessors;
    for (let at = start[layer] ?? 0; at < (start[layer + 1] ?? 0); at++) {
      nearest = Math.max(nearest, this.#at[items[at] ?? 0] ?? 0);
    }
    let best = -1;
    let leastMs = Number.POSITIVE_INFINITY;
    if (nearest === stations.length - 1) best = nearest;
    else
      for (let station = nearest; station < stations.length; station++) {
        const tier = stations[station] ?? 0;
        if (((masks[layer] ?? 0) & (1 << tier)) === 0) continue;
        const ms = this.#incomingMs(layer, station) + (this.#problem.layers[layer]?.computeMs[tier] ?? 0);
        if (ms < leastMs || best < 0) [best, leastMs] = [station, ms];
      }
    this.#put(layer, best);
    return best;
  }

  #put(layer: number, station: number): void {
    const { inputs, outputs } = this.#scope.graph;
    this.#at[layer] = station;
    this.#furthest = Math.max(this.#furthest, station);
    for (let at = inputs.start[layer] ?? 0; at < (inputs.start[layer + 1] ?? 0); at++) {
      const tensor = inputs.items[at] ?? 0;
      this.#sent[tensor] = Math.max(this.#sent[tensor] ?? 0, station);
    }
    for (let at = outputs.start[layer] ?? 0; at < (outputs.start[layer + 1] ?? 0); at++) {
      this.#sent[outputs.items[at] ?? 0] = station;
    }
  }

  #incomingMs(layer: number, station: number): number {
    const { graph, hops } = this.#scope;
    let ms = 0;
    for (let at = graph.inputs.start[layer] ?? 0; at < (graph.inputs.start[layer + 1] ?? 0); at++) {
      const tensor = graph.inputs.items[at] ?? 0;
      const coded = this.#problem.tensors[tensor]?.codedBytes ?? [];
      for (let hop = this.#sent[tensor] ?? 0; hop < station; hop++) {
        ms += (coded[hops[hop]?.first ?? 0] ?? 0) / (hops[hop]?.upBytesPerMs ?? 1);
      }
    }
    for (let hop = this.#furthest; hop < station; hop++) ms += hops[hop]?.delayMs ?? 0;
    return ms;
  }
}
