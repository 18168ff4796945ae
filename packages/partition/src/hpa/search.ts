import type { PreparedGraph } from '../graph/prepare-graph.ts';
import type { LabelCosts } from '../labelling/label-costs.ts';
import { type LabelModel, labelModelOf } from '../labelling/label-model.ts';
import { Ledger } from '../objective/ledger.ts';
import { capExcess, capLoads } from '../optimum/cap-loads.ts';
import {
  firstMultipliers,
  type Multipliers,
  nextMultipliers,
  pricedCosts,
  type Strain,
  strainOf,
} from '../optimum/multipliers.ts';
import { stationSets } from '../optimum/station-sets.ts';
import type { Plan, Problem } from '../problem.ts';
import type { AllowedTiers } from '../verify/allowed-tiers.ts';
import { memoryViolation } from '../verify/memory-violation.ts';
import { levelCut, levelSums, spreadLevels } from './level-cut.ts';
import { levelsOf } from './levels.ts';
import { type ShiftScope, shiftLayers } from './shift-layers.ts';
import { slideCuts } from './slide-cuts.ts';
import { TailEstimates } from './tail-estimates.ts';

/** Sweeps at most; over more variables than this, fewer as their cube. */
const SWEEPS = 120;
const FEW = 150;
/** Rounds of prices for streams and memory caps, and sweeps in each. */
const PRICE_ROUNDS = 12;
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
  /** Whether the objective is a sum over layers and tensors: the latency, and no caps. */
  readonly #isSum: boolean;
  readonly #starts: Start[] = [];
  #bestMs = Number.POSITIVE_INFINITY;

  constructor(problem: Problem, graph: PreparedGraph, allowed: AllowedTiers) {
    this.#problem = problem;
    this.#graph = graph;
    this.#allowed = allowed;
    this.#model = labelModelOf(graph);
    this.#loads = capLoads(problem, graph);
    this.#capped = (problem.constraints.memoryBytes ?? []).some((cap) => cap !== null);
    this.#isSum = problem.objective === 'latency' && !this.#capped;
    this.#labels = new Uint8Array(this.#model.variableCount);
  }

  /** @returns the best plan found; null when none keeps the memory caps */
  run(): Plan | null {
    let boundMs = Number.POSITIVE_INFINITY;
    for (const stations of stationSets(this.#allowed.available)) {
      boundMs = Math.min(boundMs, this.#isSum ? this.#sum(stations) : this.#price(stations));
    }
    const best = this.#refined(boundMs);
    if (best === null || memoryViolation(this.#problem, best.assignment(), this.#graph) !== null) return null;
    const plan = best.plan();
    return { ...plan, boundMs: Math.min(boundMs, plan.latencyMs) };
  }

  /** The best of the starting points after the second pass, which a plan that the bound proves needs not. */
  #refined(boundMs: number): Ledger | null {
    this.#starts.sort((a, b) => a.ms - b.ms);
    const scope = this.#shiftScope();
    let best: Ledger | null = null;
    let [left, beforeMs, leastMs] = [this.#isSum ? REFINED : PRICED_REFINED, 0, Number.POSITIVE_INFINITY];
    for (const { tierOf, ms } of this.#starts) {
      if (left === 0 || ms > this.#bestMs * WORTH_REFINING) break;
      if (ms <= beforeMs * (1 + ROUNDING)) continue;
      const ledger = new Ledger(this.#problem, this.#graph, tierOf);
      const isProven = boundMs >= ms * (1 - ROUNDING);
      if (!isProven) shiftLayers(ledger, scope);
      const refinedMs = this.#cost(ledger);
      if (refinedMs < leastMs) [best, leastMs] = [ledger, refinedMs];
      if (isProven) break;
      [left, beforeMs] = [left - 1, ms];
    }
    const exchanges = !this.#isSum && this.#graph.layerCount <= EXCHANGED;
    if (best !== null && exchanges) shiftLayers(best, { ...scope, exchanges });
    return best;
  }

  #shiftScope(): ShiftScope {
    return {
      graph: this.#graph,
      masks: this.#allowed.masks,
      tiers: [...new Set([0, ...this.#allowed.available])],
      cost: (ledger) => this.#cost(ledger),
      bordersOnly: this.#graph.layerCount > FEW,
    };
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
    const fits = memoryViolation(this.#problem, tierOf, this.#graph) === null;
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
    const seen: Strain[] = [];
    let boundMs = 0;
    this.#slide(stations);
    let multipliers = firstMultipliers(this.#problem, stations);
    for (let round = 0; round < PRICE_ROUNDS; round++) {
      const costs = this.#costsOf(stations, multipliers);
      this.#cut(costs, () => seen.push(this.#offerPriced(stations)));
      tails.load(costs, round > 0);
      for (let sweep = 0; sweep < PRICE_SWEEPS; sweep++) {
        boundMs = Math.max(boundMs, tails.back());
        if (tails.place(labels) === Number.POSITIVE_INFINITY) return 0;
      }
      seen.push(this.#offerPriced(stations));
      multipliers = nextMultipliers(seen, Math.min(this.#bestMs, 2 * boundMs));
    }
    return 0;
  }

  /** Offers the best cuts between levels that sliding finds. */
  #slide(stations: readonly number[]): void {
    const ledger = new Ledger(this.#problem, this.#graph, new Array<number>(this.#graph.layerCount).fill(0));
    const cost = (one: Ledger) => this.#cost(one);
    slideCuts(ledger, { levels: levelsOf(this.#model), masks: this.#allowed.masks, stations, cost });
    this.#offer(ledger.assignment(), cost(ledger));
  }

  #offerPriced(stations: readonly number[]): Strain {
    const tierOf = this.#tiers(stations);
    const ledger = new Ledger(this.#problem, this.#graph, tierOf);
    this.#offer(tierOf, this.#cost(ledger));
    return strainOf(this.#problem, ledger, { stations, loads: this.#loads });
  }

  #costsOf(stations: readonly number[], multipliers: Multipliers): LabelCosts {
    const scope = { stations, masks: this.#allowed.masks, loads: this.#loads, multipliers };
    return pricedCosts(this.#problem, this.#model, scope);
  }
}
