import { type Lists, listsOf } from '../graph/prepare-graph.ts';
import type { LabelCosts } from '../labelling/label-costs.ts';
import type { LabelModel } from '../labelling/label-model.ts';

/** Sweeps in which all that is known goes on each way; later ones hold back what the other way needs, and so converge. */
const EAGER = 3;

/** A graph's variables in the order of sweeps, and what joins them. Edges go from an earlier to a later place. */
interface Network {
  /** Variable at each place of the order. */
  readonly order: Int32Array;
  /** Per edge, the place it starts from, and the tensor it charges (-1: an order, which costs nothing). By their end. */
  readonly from: Int32Array;
  readonly tensor: Int32Array;
  /** Place → edges to later places; and the first edge that ends there. */
  readonly later: Lists;
  readonly earlier: Int32Array;
  /** What of a place's estimate each edge gets, back and on: in eager sweeps, and in those after. */
  readonly share: readonly [Shares, Shares];
}

interface Shares {
  readonly back: Float64Array;
  readonly on: Float64Array;
}

/**
 * HPA's estimates, per layer and station: what the cheapest way to finish costs (the tail), and, once sweeps have gone both
 * ways, to get there (the head). Each layer shares its estimate out among those it reads from and those that read it, so
 * that nothing counts twice; then the best that each layer could have adds up to a lower bound. Sweeps repeat until the
 * bound meets the plan: sequential tree-reweighted message passing (Kolmogorov, PAMI 2006). Made once per graph and number
 * of labels; buffers are reused, and estimates stay for the next costs.
 */
export class TailEstimates {
  readonly #network: Network;
  readonly #count: number;
  /** Edge → estimate that the last sweep sent along it, per label of the variable it was sent to. */
  readonly #sent: Float64Array;
  readonly #own: Float64Array;
  readonly #hopMs: Float64Array;
  readonly #sum: Float64Array;
  readonly #placed: Uint8Array;
  #constantMs = 0;
  /** Cost of a label that a layer may not have. */
  #forbiddenMs = 0;
  #sweeps = 0;

  constructor(model: LabelModel, labelCount: number) {
    const network = networkOf(model);
    this.#network = network;
    this.#count = labelCount;
    this.#sent = new Float64Array(network.from.length * labelCount);
    this.#own = new Float64Array(model.variableCount * labelCount);
    this.#hopMs = new Float64Array(network.from.length * labelCount);
    this.#sum = new Float64Array(labelCount);
    this.#placed = new Uint8Array(model.variableCount);
  }

  /** Takes over costs. Estimates start anew, or from what they were. */
  load({ unary, transfer, constantMs }: LabelCosts, keep = false): void {
    const { order, tensor } = this.#network;
    const count = this.#count;
    let mostMs = 1;
    for (const ms of transfer) mostMs += ms;
    for (const ms of unary) if (ms !== Number.POSITIVE_INFINITY) mostMs += ms;
    for (let place = 0, at = 0; place < order.length; place++) {
      const from = (order[place] ?? 0) * count;
      for (let label = 0; label < count; label++) this.#own[at++] = Math.min(unary[from + label] ?? 0, mostMs);
    }
    for (let edge = 0; edge < tensor.length; edge++) {
      const charged = tensor[edge] ?? -1;
      if (charged < 0) continue;
      for (let hop = 0; hop < count - 1; hop++)
        this.#hopMs[edge * count + hop] = transfer[charged * (count - 1) + hop] ?? 0;
    }
    this.#forbiddenMs = mostMs;
    if (!keep) this.#sent.fill(0);
    this.#constantMs = constantMs;
    this.#sweeps = keep ? EAGER : 0;
  }

  /** Sends tails from the last variable to the first. Returns a lower bound of every labelling's cost. */
  back(): number {
    const { order, earlier, share } = this.#network;
    const [count, sum, sent, hopMs] = [this.#count, this.#sum, this.#sent, this.#hopMs];
    const shares = share[this.#sweeps++ < EAGER ? 0 : 1].back;
    let boundMs = this.#constantMs;
    for (let place = order.length - 1; place >= 0; place--) {
      const leastMs = this.#gather(place);
      boundMs += leastMs;
      const part = shares[place] ?? 0;
      for (let edge = earlier[place] ?? 0; edge < (earlier[place + 1] ?? 0); edge++) {
        const at = edge * count;
        let runMs = Number.POSITIVE_INFINITY;
        let freeMs = runMs;
        for (let label = count - 1; label >= 0; label--) {
          const ms = part * ((sum[label] ?? 0) - leastMs) - (sent[at + label] ?? 0);
          runMs = Math.min(ms, runMs + (hopMs[at + label] ?? 0));
          sent[at + label] = runMs;
          freeMs = Math.min(freeMs, runMs);
        }
        for (let label = 0; label < count; label++) sent[at + label] = (sent[at + label] ?? 0) - freeMs;
        boundMs += freeMs;
      }
    }
    return boundMs;
  }

  /**
   * Places the layers from the first to the last, each where its own time, the transfer of its inputs and its tail are least
   * among the candidates: stations no nearer than those it reads from. Sends heads on the way.
   *
   * @param labels - overwritten with the label of each variable
   * @returns what that costs
   */
  place(labels: Uint8Array): number {
    const { order, later, share } = this.#network;
    const shares = share[this.#sweeps <= EAGER ? 0 : 1].on;
    let totalMs = this.#constantMs;
    for (let place = 0; place < order.length; place++) {
      totalMs += this.#choose(place);
      labels[order[place] ?? 0] = this.#placed[place] ?? 0;
      this.#gather(place);
      for (let index = later.start[place] ?? 0; index < (later.start[place + 1] ?? 0); index++) {
        this.#sendOn(later.items[index] ?? 0, shares[place] ?? 0);
      }
    }
    return totalMs;
  }

  /** Sends the head of a variable, in parts of what was gathered, over one edge. */
  #sendOn(edge: number, part: number): void {
    const [count, sum, sent, hopMs] = [this.#count, this.#sum, this.#sent, this.#hopMs];
    const at = edge * count;
    let runMs = Number.POSITIVE_INFINITY;
    for (let label = 0; label < count; label++) {
      const ms = part * (sum[label] ?? 0) - (sent[at + label] ?? 0);
      runMs = Math.min(ms, label === 0 ? ms : runMs + (hopMs[at + label - 1] ?? 0));
      sent[at + label] = runMs;
    }
    for (let label = 0; label < count; label++) sent[at + label] = (sent[at + label] ?? 0) - runMs;
  }

  /** Adds up a variable's own cost and all estimates it was sent. Returns the least. */
  #gather(place: number): number {
    const [count, sum, sent, own] = [this.#count, this.#sum, this.#sent, this.#own];
    const { earlier, later } = this.#network;
    for (let label = 0, at = place * count; label < count; label++) sum[label] = own[at++] ?? 0;
    for (let index = later.start[place] ?? 0; index < (later.start[place + 1] ?? 0); index++) {
      const at = (later.items[index] ?? 0) * count;
      for (let label = 0; label < count; label++) sum[label] = (sum[label] ?? 0) + (sent[at + label] ?? 0);
    }
    for (let edge = earlier[place] ?? 0; edge < (earlier[place + 1] ?? 0); edge++) {
      const at = edge * count;
      for (let label = 0; label < count; label++) sum[label] = (sum[label] ?? 0) + (sent[at + label] ?? 0);
    }
    let leastMs = sum[0] ?? 0;
    for (let label = 1; label < count; label++) leastMs = Math.min(leastMs, sum[label] ?? 0);
    return leastMs;
  }

  /** Places one variable. Returns its own cost there and that of its inputs. */
  #choose(place: number): number {
    const nearest = this.#price(place);
    const [count, sum, own, sent] = [this.#count, this.#sum, this.#own, this.#sent];
    const { later } = this.#network;
    let [best, bestMs, paidMs] = [nearest, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let label = nearest; label < count; label++) {
      if ((own[place * count + label] ?? 0) >= this.#forbiddenMs) continue;
      let ms = sum[label] ?? 0;
      for (let index = later.start[place] ?? 0; index < (later.start[place + 1] ?? 0); index++) {
        ms += sent[(later.items[index] ?? 0) * count + label] ?? 0;
      }
      if (ms < bestMs) [best, bestMs, paidMs] = [label, ms, sum[label] ?? 0];
    }
    this.#placed[place] = best;
    return paidMs;
  }

  /** Adds up a variable's own cost and that of its inputs from where they were placed. Returns the nearest label it may have. */
  #price(place: number): number {
    const [count, sum, own, hopMs, placed] = [this.#count, this.#sum, this.#own, this.#hopMs, this.#placed];
    const { earlier, from } = this.#network;
    let nearest = 0;
    for (let label = 0, at = place * count; label < count; label++) sum[label] = own[at++] ?? 0;
    for (let edge = earlier[place] ?? 0; edge < (earlier[place + 1] ?? 0); edge++) {
      const near = placed[from[edge] ?? 0] ?? 0;
      nearest = Math.max(nearest, near);
      let ms = 0;
      for (let label = near; label < count; label++) {
        sum[label] = (sum[label] ?? 0) + ms;
        ms += hopMs[edge * count + label] ?? 0;
      }
    }
    return nearest;
  }
}

interface Edge {
  readonly low: number;
  readonly high: number;
  readonly tensor: number;
}

function networkOf({ graph, variableCount, orders, furthestReader }: LabelModel): Network {
  /** Layers as they are; auxiliary variables after all that they follow, or first. */
  const key = Float64Array.from({ length: variableCount }, (_, at) => (at < graph.layerCount ? at : -1));
  const edges = new Map<string, Edge>();
  for (let at = 0; at < orders.length; at += 2) {
    const [low, high] = [orders[at] ?? 0, orders[at + 1] ?? 0];
    edges.set(`${low} ${high}`, { low, high, tensor: -1 });
    if (high >= graph.layerCount) key[high] = Math.max(key[high] ?? 0, low + 0.5);
  }
  furthestReader.forEach((high, tensor) => {
    const low = graph.producerOf[tensor] ?? -1;
    if (high >= 0 && low >= 0) edges.set(`tensor ${tensor}`, { low, high, tensor });
  });
  const order = Int32Array.from(key.keys()).sort((a, b) => (key[a] ?? 0) - (key[b] ?? 0) || a - b);
  const placeOf = new Int32Array(variableCount);
  order.forEach((variable, place) => {
    placeOf[variable] = place;
  });
  const kept = [...edges.values()].sort((a, b) => (placeOf[a.high] ?? 0) - (placeOf[b.high] ?? 0));
  const lists = (end: 'low' | 'high') => {
    const at: number[][] = Array.from(order, () => []);
    kept.forEach((edge, index) => {
      at[placeOf[edge[end]] ?? 0]?.push(index);
    });
    return listsOf(at);
  };
  const [later, earlier] = [lists('low'), lists('high')];
  const from = Int32Array.from(kept, ({ low }) => placeOf[low] ?? 0);
  const tensor = Int32Array.from(kept, (edge) => edge.tensor);
  return { order, from, tensor, later, earlier: earlier.start, share: sharesOf(earlier.start, later.start) };
}

function sharesOf(earlier: Int32Array, later: Int32Array): [Shares, Shares] {
  const size = (start: Int32Array, place: number) => (start[place + 1] ?? 0) - (start[place] ?? 0);
  const shares = (of: (back: number, on: number) => number, start: Int32Array, other: Int32Array) =>
    Float64Array.from({ length: start.length - 1 }, (_, place) => 1 / of(size(start, place), size(other, place)));
  const own = (count: number) => count;
  return [
    { back: shares(own, earlier, later), on: shares(own, later, earlier) },
    { back: shares(Math.max, earlier, later), on: shares(Math.max, later, earlier) },
  ];
}
