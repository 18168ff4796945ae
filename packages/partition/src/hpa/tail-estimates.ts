import { type Lists, listsOf } from '../graph/prepare-graph.ts';
import type { LabelCosts } from '../labelling/label-costs.ts';
import type { LabelModel } from '../labelling/label-model.ts';

/** Sweeps in which all that is known goes on each way; later ones hold back what the other way needs, and so converge. */
const EAGER = 3;

/** A graph's variables in the order of sweeps, and what joins them. Edges go from an earlier to a later variable. */
interface Network {
  /** Variable at each place of the order. */
  readonly order: Int32Array;
  /** Per edge, the place it starts from, and the tensor it charges (-1: an order, which costs nothing). */
  readonly from: Int32Array;
  readonly tensor: Int32Array;
  /** Place → edges to later and from earlier places. */
  readonly later: Lists;
  readonly earlier: Lists;
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
  #sweeps = 0;

  constructor(model: LabelModel, labelCount: number) {
    const network = networkOf(model);
    this.#network = network;
    this.#count = labelCount;
    this.#sent = new Float64Array(network.from.length * labelCount);
    this.#own = new Float64Array(model.variableCount * labelCount);
    this.#hopMs = new Float64Array(network.from.length * (labelCount - 1));
    this.#sum = new Float64Array(labelCount);
    this.#placed = new Uint8Array(model.variableCount);
  }

  /** Takes over costs. Estimates start anew, or from what they were. */
  load({ unary, transfer, constantMs }: LabelCosts, keep = false): void {
    const { order, tensor } = this.#network;
    const [count, hops] = [this.#count, this.#count - 1];
    let mostMs = 1;
    for (const ms of transfer) mostMs += ms;
    for (const ms of unary) if (ms !== Number.POSITIVE_INFINITY) mostMs += ms;
    for (let place = 0, at = 0; place < order.length; place++) {
      const from = (order[place] ?? 0) * count;
      for (let label = 0; label < count; label++) this.#own[at++] = Math.min(unary[from + label] ?? 0, mostMs);
    }
    for (let edge = 0, at = 0; edge < tensor.length; edge++) {
      const from = tensor[edge] ?? -1;
      for (let hop = 0; hop < hops; hop++) this.#hopMs[at++] = from < 0 ? 0 : (transfer[from * hops + hop] ?? 0);
    }
    if (!keep) this.#sent.fill(0);
    this.#constantMs = constantMs;
    this.#sweeps = keep ? EAGER : 0;
  }

  /** Sends tails from the last variable to the first. Returns a lower bound of every labelling's cost. */
  back(): number {
    const { order, earlier, later } = this.#network;
    let boundMs = this.#constantMs;
    this.#sweeps++;
    for (let place = order.length - 1; place >= 0; place--) {
      const leastMs = this.#gather(place);
      boundMs += leastMs;
      for (let label = 0; label < this.#count; label++) this.#sum[label] = (this.#sum[label] ?? 0) - leastMs;
      const share = this.#share(earlier, later, place);
      for (let at = earlier.start[place] ?? 0; at < (earlier.start[place + 1] ?? 0); at++) {
        boundMs += this.#sendBack(earlier.items[at] ?? 0, share);
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
    const { order, earlier, later } = this.#network;
    let totalMs = this.#constantMs;
    for (let place = 0; place < order.length; place++) {
      totalMs += this.#choose(place);
      labels[order[place] ?? 0] = this.#placed[place] ?? 0;
      this.#gather(place);
      const share = this.#share(later, earlier, place);
      for (let at = later.start[place] ?? 0; at < (later.start[place + 1] ?? 0); at++) {
        this.#sendOn(later.items[at] ?? 0, share);
      }
    }
    return totalMs;
  }

  #share(towards: Lists, away: Lists, place: number): number {
    const count = (towards.start[place + 1] ?? 0) - (towards.start[place] ?? 0);
    if (this.#sweeps <= EAGER) return 1 / count;
    return 1 / Math.max(count, (away.start[place + 1] ?? 0) - (away.start[place] ?? 0));
  }

  /** Adds up a variable's own cost and all estimates it was sent. Returns the least. */
  #gather(place: number): number {
    const count = this.#count;
    for (let label = 0; label < count; label++) this.#sum[label] = this.#own[place * count + label] ?? 0;
    this.#collect(this.#network.later, place);
    this.#collect(this.#network.earlier, place);
    let leastMs = this.#sum[0] ?? 0;
    for (let label = 1; label < count; label++) leastMs = Math.min(leastMs, this.#sum[label] ?? 0);
    return leastMs;
  }

  #collect({ start, items }: Lists, place: number): void {
    const count = this.#count;
    for (let at = start[place] ?? 0; at < (start[place + 1] ?? 0); at++) {
      const sent = (items[at] ?? 0) * count;
      for (let label = 0; label < count; label++)
        this.#sum[label] = (this.#sum[label] ?? 0) + (this.#sent[sent + label] ?? 0);
    }
  }

  #sendBack(edge: number, share: number): number {
    const at = edge * this.#count;
    const hop = edge * (this.#count - 1);
    let runMs = Number.POSITIVE_INFINITY;
    let leastMs = runMs;
    for (let label = this.#count - 1; label >= 0; label--) {
      const ms = share * (this.#sum[label] ?? 0) - (this.#sent[at + label] ?? 0);
      runMs = Math.min(ms, runMs + (this.#hopMs[hop + label] ?? 0));
      this.#sent[at + label] = runMs;
      leastMs = Math.min(leastMs, runMs);
    }
    for (let label = 0; label < this.#count; label++) this.#sent[at + label] = (this.#sent[at + label] ?? 0) - leastMs;
    return leastMs;
  }

  #sendOn(edge: number, share: number): void {
    const at = edge * this.#count;
    const hop = edge * (this.#count - 1);
    let runMs = Number.POSITIVE_INFINITY;
    let leastMs = runMs;
    for (let label = 0; label < this.#count; label++) {
      const ms = share * (this.#sum[label] ?? 0) - (this.#sent[at + label] ?? 0);
      runMs = label === 0 ? ms : Math.min(ms, runMs + (this.#hopMs[hop + label - 1] ?? 0));
      this.#sent[at + label] = runMs;
      leastMs = Math.min(leastMs, runMs);
    }
    for (let label = 0; label < this.#count; label++) this.#sent[at + label] = (this.#sent[at + label] ?? 0) - leastMs;
  }

  /** Places one variable. Returns its own cost there and that of its inputs. */
  #choose(place: number): number {
    const count = this.#count;
    const { earlier, later, from } = this.#network;
    let nearest = 0;
    for (let label = 0; label < count; label++) this.#sum[label] = 0;
    this.#collect(later, place);
    let best = -1;
    let bestMs = Number.POSITIVE_INFINITY;
    let paidMs = 0;
    for (let at = earlier.start[place] ?? 0; at < (earlier.start[place + 1] ?? 0); at++) {
      nearest = Math.max(nearest, this.#placed[from[earlier.items[at] ?? 0] ?? 0] ?? 0);
    }
    for (let label = nearest; label < count; label++) {
      let ms = this.#own[place * count + label] ?? 0;
      for (let at = earlier.start[place] ?? 0; at < (earlier.start[place + 1] ?? 0); at++) {
        const edge = earlier.items[at] ?? 0;
        for (let hop = this.#placed[from[edge] ?? 0] ?? 0; hop < label; hop++)
          ms += this.#hopMs[edge * (count - 1) + hop] ?? 0;
      }
      const totalMs = ms + (this.#sum[label] ?? 0);
      if (totalMs < bestMs) [best, bestMs, paidMs] = [label, totalMs, ms];
    }
    this.#placed[place] = best;
    return paidMs;
  }
}

function networkOf(model: LabelModel): Network {
  const { graph, variableCount, orders, furthestReader } = model;
  const key = Float64Array.from({ length: variableCount }, (_, variable) =>
    variable < graph.layerCount ? variable : -1,
  );
  const edges: { low: number; high: number; tensor: number }[] = [];
  for (let at = 0; at < orders.length; at += 2) {
    const [low, high] = [orders[at] ?? 0, orders[at + 1] ?? 0];
    edges.push({ low, high, tensor: -1 });
    if (high >= graph.layerCount) key[high] = Math.max(key[high] ?? 0, low + 0.5);
  }
  furthestReader.forEach((high, tensor) => {
    const low = graph.producerOf[tensor] ?? -1;
    if (high >= 0 && low >= 0) edges.push({ low, high, tensor });
  });
  const order = Int32Array.from(key.keys()).sort((a, b) => (key[a] ?? 0) - (key[b] ?? 0) || a - b);
  const placeOf = new Int32Array(variableCount);
  order.forEach((variable, place) => {
    placeOf[variable] = place;
  });
  const places = (end: 'low' | 'high') => Int32Array.from(edges, (edge) => placeOf[edge[end]] ?? 0);
  const at = (ends: Int32Array) => {
    const lists: number[][] = Array.from(order, () => []);
    ends.forEach((place, edge) => {
      lists[place]?.push(edge);
    });
    return listsOf(lists);
  };
  const from = places('low');
  return {
    order,
    from,
    tensor: Int32Array.from(edges, ({ tensor }) => tensor),
    later: at(from),
    earlier: at(places('high')),
  };
}
