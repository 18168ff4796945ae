import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { candidates } from '../hpa/candidates.ts';
import { type LevelCosts, levelCosts } from '../hpa/level-costs.ts';
import { type Levels, levelsOf } from '../hpa/levels.ts';
import { placeByLevel } from '../hpa/place-by-level.ts';
import { refine } from '../hpa/refine.ts';
import { shiftAnywhere } from '../hpa/shift-borders.ts';
import { comparePlans } from '../objective/compare-plans.ts';
import { Ledger } from '../objective/ledger.ts';
import { mergeHops } from '../objective/merge-hops.ts';
import { capExcess, capLoads } from '../optimum/cap-loads.ts';
import { improve } from '../optimum/improve.ts';
import { ascend, firstMultipliers } from '../optimum/multipliers.ts';
import { pricedProblem } from '../optimum/priced-problem.ts';
import { stationSets } from '../optimum/station-sets.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';
import { type AllowedTiers, allowedTiers } from '../verify/allowed-tiers.ts';
import { planViolation } from '../verify/verify-plan.ts';
import type { Strategy } from './strategy.ts';

/** Passes of each kind over branches and borders, at most. */
const PASSES = 3;

/** Starting points that the second pass takes up, and how much worse than the best they may be. */
const REFINED = 3;
const WORTH_REFINING = 2;

/** Starting points closer than this are the same. */
const ROUNDING = 1e-9;

/** Rounds of prices, where sums alone do not decide. */
const PRICE_ROUNDS = 12;

/**
 * The horizontal partition algorithm (Zhang et al. 2021; levels, candidates and SIS as we reconstruct them) with two
 * additions in its spirit: a tail estimate, so that a transfer is weighed against all that follows it, and a second pass
 * over branches and borders. No maximum flow inside; it may miss the optimum, and docs/evaluation says by how much.
 */
export const hpa: Strategy = {
  name: 'hpa',
  plan(problem: Problem, graph: PreparedGraph): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    const search = new HpaSearch(problem, graph, allowed);
    return search.run() ?? { infeasible: 'no assignment that HPA tries keeps the memory caps' };
  },
};

/** HPA without tail estimate and second pass, as the paper's abstract suggests it: what {@link hpa} is measured against. */
export const plainHpa: Strategy = {
  name: 'hpa-plain',
  plan(problem: Problem, graph: PreparedGraph): StrategyResult {
    const allowed = allowedTiers(problem, graph);
    if ('infeasible' in allowed) return allowed;
    const stations = [...new Set([0, ...allowed.available])];
    const hops = mergeHops(problem.hops, stations);
    const tierOf = placeByLevel(problem, { graph, levels: levelsOf(graph), masks: allowed.masks, stations, hops });
    const violation = planViolation(problem, tierOf, graph);
    return violation === null ? new Ledger(problem, graph, tierOf).plan() : { infeasible: violation.fault };
  },
};

interface Start {
  readonly ledger: Ledger;
  readonly stations: readonly number[];
  readonly ms: number;
}

class HpaSearch {
  readonly #problem: Problem;
  readonly #graph: PreparedGraph;
  readonly #levels: Levels;
  readonly #allowed: AllowedTiers;
  readonly #capped: boolean;
  readonly #starts: Start[] = [];
  #costs: LevelCosts | null = null;
  #best: Plan | null = null;

  constructor(problem: Problem, graph: PreparedGraph, allowed: AllowedTiers) {
    this.#problem = problem;
    this.#graph = graph;
    this.#levels = levelsOf(graph);
    this.#allowed = allowed;
    this.#capped = (problem.constraints.memoryBytes ?? []).some((cap) => cap !== null);
  }

  run(): Plan | null {
    const summed = this.#problem.objective === 'latency' && !this.#capped;
    for (const stations of stationSets(this.#allowed.available)) {
      if (summed) this.#start(this.#problem, stations);
      else this.#startPriced(stations);
    }
    this.#starts.sort((a, b) => a.ms - b.ms);
    const limitMs = (this.#starts[0]?.ms ?? 0) * WORTH_REFINING;
    let before: Start | null = null;
    let refined = 0;
    for (const start of this.#starts) {
      if (refined >= REFINED || start.ms > limitMs) break;
      if (before !== null && start.ms <= before.ms * (1 + ROUNDING)) continue;
      before = start;
      refined++;
      this.#refine(start);
    }
    if (this.#best !== null && summed) this.#open(this.#best);
    if (this.#best !== null && !summed) {
      this.#offer(improve(this.#problem, this.#graph, { plan: this.#best, masks: this.#allowed.masks }));
    }
    return this.#best;
  }

  /** Adds the starting points that a problem of sums gives. Returns the first of them. */
  #start(summed: Problem, stations: readonly number[]): Ledger | null {
    const scope = {
      graph: this.#graph,
      levels: this.#levels,
      masks: this.#allowed.masks,
      costs: this.#costsOf(summed),
      ...(summed === this.#problem ? { limitMs: WORTH_REFINING * this.#leastMs() } : {}),
    };
    let first: Ledger | null = null;
    for (const tierOf of candidates(summed, stations, scope)) {
      const ledger = new Ledger(this.#problem, this.#graph, tierOf);
      first ??= ledger;
      if (this.#fits(tierOf)) this.#starts.push({ ledger, stations, ms: ledger.objectiveMs() });
    }
    return first;
  }

  #leastMs(): number {
    return this.#starts.reduce((least, { ms }) => Math.min(least, ms), Number.POSITIVE_INFINITY);
  }

  /** Level costs do not depend on the stations: those of the problem itself are summed once. */
  #costsOf(summed: Problem): LevelCosts {
    const scope = { levels: this.#levels, masks: this.#allowed.masks };
    if (summed !== this.#problem) return levelCosts(summed, this.#graph, scope);
    this.#costs ??= levelCosts(summed, this.#graph, scope);
    return this.#costs;
  }

  /** Lets prices lead the starting points towards balanced stages and kept caps. */
  #startPriced(stations: readonly number[]): void {
    const problem = this.#problem;
    const loads = capLoads(problem, this.#graph);
    let multipliers = firstMultipliers(problem, stations);
    for (let round = 0; round < PRICE_ROUNDS; round++) {
      const ledger = this.#start(pricedProblem(problem, { stations, multipliers, loads }), stations);
      if (ledger === null) return;
      const { stageMs } = ledger.over(stations);
      const excess = capExcess(problem, loads, ledger.assignment());
      const busyMs = problem.objective === 'latency' ? [] : stageMs;
      const weighted = busyMs.reduce((sum, ms, stage) => sum + ms * (multipliers.shares[stage] ?? 0), 0);
      const goalMs = this.#leastMs();
      const gapMs =
        busyMs.length === 0
          ? ledger.objectiveMs()
          : Math.max(goalMs === Number.POSITIVE_INFINITY ? weighted : goalMs - weighted, 0.05 * weighted);
      multipliers = ascend(multipliers, { stageMs: busyMs, excess, gapMs: gapMs / (1 + round / 3) });
    }
  }

  /** Looks for borders elsewhere than where the starting points have them. */
  #open({ tierOf }: Plan): void {
    const tiers = [...new Set([0, ...this.#allowed.available])];
    const ledger = new Ledger(this.#problem, this.#graph, tierOf);
    const scope = { graph: this.#graph, levels: this.#levels, masks: this.#allowed.masks, tiers, passes: PASSES };
    if (!shiftAnywhere(ledger, scope)) return;
    refine(ledger, scope);
    this.#offer(ledger.plan());
  }

  #refine({ ledger, stations }: Start): void {
    const scope = {
      graph: this.#graph,
      levels: this.#levels,
      masks: this.#allowed.masks,
      tiers: stations,
      passes: PASSES,
    };
    const fits = (moved: Ledger) => this.#fits(moved.assignment());
    refine(ledger, this.#capped ? { ...scope, fits } : scope);
    this.#offer(ledger.plan());
  }

  #offer(plan: Plan): void {
    if (this.#best === null || comparePlans(plan, this.#best, this.#problem.objective) < 0) this.#best = plan;
  }

  #fits(tierOf: readonly number[]): boolean {
    return !this.#capped || planViolation(this.#problem, tierOf, this.#graph) === null;
  }
}
