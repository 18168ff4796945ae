import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { type LabelCosts, labelCosts } from '../labelling/label-costs.ts';
import { type LabelModel, labelModelOf } from '../labelling/label-model.ts';
import { Ledger } from '../objective/ledger.ts';
import { capExcess, capLoads } from '../optimum/cap-loads.ts';
import { ascend, firstMultipliers, type Multipliers, stageWeights } from '../optimum/multipliers.ts';
import { stationSets } from '../optimum/station-sets.ts';
import type { Plan, Problem } from '../problem.ts';
import type { AllowedTiers } from '../verify/allowed-tiers.ts';
import { memoryViolation } from '../verify/memory-violation.ts';
import { balancedCut } from './balanced-cut.ts';
import { levelCut, levelSums, spreadLevels } from './level-cut.ts';
import { levelsOf } from './levels.ts';
import { shiftLayers } from './shift-layers.ts';
import { TailEstimates } from './tail-estimates.ts';

/** Sweeps at most; over more variables than this, fewer as their cube. */
const SWEEPS = 120;
const FEW = 150;
/** Rounds of prices for streams and memory caps, and sweeps in each. */
const PRICE_ROUNDS = 30;
const PRICE_SWEEPS = 4;
/** Starting points that the second pass takes up, and how much worse than the best they may be. */
const REFINED = 3;
const PRICED_REFINED = 12;
/** Layers of the largest graph in which layers are exchanged. */
const EXCHANGED = 64;
const WORTH_REFINING = 2;
/** Sums over the same numbers in another order differ by less than this share. */
const ROUNDING = 1e-9;
/** Weight of a stream's mean stage beside its slowest: what relieves another stage makes room for the next move. */
const EVEN = 0.05;
/** What being over a memory cap costs, as a multiple of the objective and the excess. */
const PENALTY = 100;

interface Start {
  readonly tierOf: readonly number[];
  readonly ms: number;
}

const estimates = new WeakMap<LabelModel, TailEstimates[]>();

function estimatesFor(model: LabelModel, labelCount: number): TailEstimates {
  const known = estimates.get(model) ?? [];
  estimates.set(model, known);
  known[labelCount] ??= new TailEstimates(model, labelCount);
  return known[labelCount];
}

/** HPA's search over one problem: starting points per set of stations, then the second pass. */
export class HpaSearch {
  readonly #problem: Problem;
  readonly #graph: PreparedGraph;
  readonly #allowed: AllowedTiers;
  readonly #model: LabelModel;
  readonly #loads: Float64Array;
  readonly #labels: Uint8Array;
  readonly #capped: boolean;
  readonly #starts: Start[] = [];
  #bestMs = Number.POSITIVE_INFINITY;

  constructor(problem: Problem, graph: PreparedGraph, allowed: AllowedTiers) {
    this.#problem = problem;
    this.#graph = graph;
    this.#allowed = allowed;
    this.#model = labelModelOf(graph);
    this.#loads = capLoads(problem, graph);
    this.#capped = (problem.constraints.memoryBytes ?? []).some((cap) => cap !== null);
    this.#labels = new Uint8Array(this.#model.variableCount);
  }

  /** @returns the best plan found; null when none keeps the memory caps */
  run(): Plan | null {
    const summed = this.#problem.objective === 'latency' && !this.#capped;
    let boundMs = Number.POSITIVE_INFINITY;
    for (const stations of stationSets(this.#allowed.available)) {
      const setMs = summed ? this.#sum(stations) : this.#price(stations);
      boundMs = Math.min(boundMs, setMs);
    }
    this.#starts.sort((a, b) => a.ms - b.ms);
    const refined = this.#refined(summed ? boundMs : 0, summed ? REFINED : PRICED_REFINED);
    const [best] = refined;
    if (best !== undefined && !summed && this.#graph.layerCount <= EXCHANGED) {
      shiftLayers(best.ledger, { ...this.#shiftScope(), exchanges: true });
    }
    if (best === undefined || memoryViolation(this.#problem, best.ledger.assignment(), this.#graph) !== null)
      return null;
    const plan = best.ledger.plan();
    return summed ? { ...plan, boundMs: Math.min(boundMs, plan.latencyMs) } : plan;
  }

  /** The best starting points after the second pass, best first; only the best if a bound proves it. */
  #refined(boundMs: number, most: number): { ledger: Ledger; ms: number }[] {
    const refined: { ledger: Ledger; ms: number }[] = [];
    let beforeMs = 0;
    for (const { tierOf, ms } of this.#starts) {
      if (refined.length >= most || ms > this.#bestMs * WORTH_REFINING) break;
      if (ms <= beforeMs * (1 + ROUNDING)) continue;
      beforeMs = ms;
      const ledger = new Ledger(this.#problem, this.#graph, tierOf);
      const isProven = boundMs >= ms * (1 - ROUNDING);
      if (!isProven) shiftLayers(ledger, this.#shiftScope());
      refined.push({ ledger, ms: this.#cost(ledger) });
      if (isProven) break;
    }
    return refined.sort((a, b) => a.ms - b.ms);
  }

  #shiftScope() {
    const tiers = [...new Set([0, ...this.#allowed.available])];
    const cost = (ledger: Ledger) => this.#cost(ledger);
    return { graph: this.#graph, masks: this.#allowed.masks, tiers, cost, bordersOnly: this.#graph.layerCount > FEW };
  }

  /** The objective, and what is over a memory cap at a high price. */
  #cost(ledger: Ledger): number {
    let ms = ledger.objectiveMs();
    if (this.#problem.objective === 'throughput') {
      const { stageMs } = ledger.over([0]);
      ms += (stageMs.reduce((sum, stage) => sum + stage, 0) / stageMs.length) * EVEN;
    }
    if (!this.#capped) return ms;
    const tierOf = ledger.assignment();
    const excess = capExcess(this.#problem, this.#loads, tierOf);
    const over = excess.reduce((sum, share) => sum + Math.max(0, share), 0);
    const fits = over <= ROUNDING && memoryViolation(this.#problem, tierOf, this.#graph) === null;
    return fits ? ms : ms * (1 + PENALTY * (over + 1));
  }

  #offer(tierOf: readonly number[], ms: number): void {
    this.#starts.push({ tierOf, ms });
    this.#bestMs = Math.min(this.#bestMs, ms);
  }

  #tiers(stations: readonly number[]): number[] {
    const tierOf = new Array<number>(this.#graph.layerCount);
    for (let layer = 0; layer < tierOf.length; layer++) tierOf[layer] = stations[this.#labels[layer] ?? 0] ?? 0;
    return tierOf;
  }

  /** Offers an assignment that a labelling gave, if it may be better than what is known. */
  #offerLabels(stations: readonly number[], ms: number): void {
    if (ms === Number.POSITIVE_INFINITY || ms > this.#bestMs * WORTH_REFINING) return;
    const tierOf = this.#tiers(stations);
    const used = stations.slice(1, -1).every((tier) => tierOf.includes(tier));
    this.#offer(tierOf, used ? ms : new Ledger(this.#problem, this.#graph, tierOf).objectiveMs());
  }

  /** Starting points where sums decide. Returns a lower bound of the plans over these stations. */
  #sum(stations: readonly number[]): number {
    const costs = this.#costsOf(stations, firstMultipliers(this.#problem, stations));
    this.#cut(costs, (ms) => this.#offerLabels(stations, ms));
    const labels = this.#labels;
    const tails = estimatesFor(this.#model, stations.length);
    tails.load(costs);
    const sweeps = SWEEPS * Math.min(1, FEW / labels.length) ** 3;
    let firstMs = 0;
    let boundMs = 0;
    let leastMs = Number.POSITIVE_INFINITY;
    for (let sweep = 0; sweep < sweeps; sweep++) {
      boundMs = Math.max(boundMs, tails.back());
      if (sweep === 0) firstMs = boundMs;
      const hopeMs = boundMs + ((boundMs - firstMs) / sweep) * (sweeps - sweep);
      if (boundMs >= this.#bestMs * (1 - ROUNDING) || hopeMs < this.#bestMs) break;
      const ms = tails.place(labels);
      if (ms >= leastMs * (1 - ROUNDING)) continue;
      leastMs = ms;
      this.#offerLabels(stations, ms);
    }
    return boundMs;
  }

  /** Finds the best cut between levels and passes on what it costs. */
  #cut(costs: LabelCosts, offer: (ms: number) => void): void {
    const levels = levelsOf(this.#model);
    const labelOf = new Uint8Array(levels.count);
    const ms = levelCut(levelSums(this.#model, levels, costs), labelOf);
    if (ms === Number.POSITIVE_INFINITY) return;
    spreadLevels(levels, labelOf, this.#labels);
    offer(ms);
  }

  /** Lets prices lead the starting points towards balanced stages and kept caps. */
  #price(stations: readonly number[]): number {
    const labels = this.#labels;
    const tails = estimatesFor(this.#model, stations.length);
    this.#balance(stations);
    let multipliers = firstMultipliers(this.#problem, stations);
    for (let round = 0; round < PRICE_ROUNDS; round++) {
      const costs = this.#costsOf(stations, multipliers);
      this.#cut(costs, () => this.#offerPriced(stations));
      tails.load(costs, round > 0);
      let boundMs = 0;
      for (let sweep = 0; sweep < PRICE_SWEEPS; sweep++) {
        boundMs = Math.max(boundMs, tails.back());
        if (tails.place(labels) === Number.POSITIVE_INFINITY) return 0;
      }
      const ledger = this.#offerPriced(stations);
      const stageMs = this.#problem.objective === 'latency' ? [] : ledger.over(stations).stageMs;
      const excess = capExcess(this.#problem, this.#loads, ledger.assignment());
      const paidMs = multipliers.prices.reduce((sum, price) => sum + price, 0);
      const gapMs = Math.max(this.#bestMs - boundMs + paidMs, 0.05 * this.#bestMs) / (1 + round / 6);
      const next = ascend(multipliers, { stageMs, excess, gapMs });
      if (next === multipliers) break;
      multipliers = next;
    }
    return 0;
  }

  #balance(stations: readonly number[]): void {
    const levels = levelsOf(this.#model);
    const labelOf = new Uint8Array(levels.count);
    const scope = { stations, masks: this.#allowed.masks, loads: this.#loads, labelOf };
    if (!balancedCut(this.#problem, this.#model, scope)) return;
    spreadLevels(levels, labelOf, this.#labels);
    this.#offerPriced(stations);
  }

  #offerPriced(stations: readonly number[]): Ledger {
    const tierOf = this.#tiers(stations);
    const ledger = new Ledger(this.#problem, this.#graph, tierOf);
    this.#offer(tierOf, this.#cost(ledger));
    return ledger;
  }

  #costsOf(stations: readonly number[], multipliers: Multipliers): LabelCosts {
    const { prices } = multipliers;
    const weights = stageWeights(this.#problem, stations, multipliers);
    const extraMs = this.#loads.map((load, at) => load * (prices[at % prices.length] ?? 0));
    return labelCosts(this.#problem, this.#model, { stations, masks: this.#allowed.masks, weights, extraMs });
  }
}
