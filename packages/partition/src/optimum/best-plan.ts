import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { labelModelOf } from '../labelling/label-model.ts';
import { leastLabelling } from '../labelling/least-labelling.ts';
import { comparePlans, objectiveMs } from '../objective/compare-plans.ts';
import { Ledger } from '../objective/ledger.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';
import { type AllowedTiers, propagate } from '../verify/allowed-tiers.ts';
import { memoryViolation } from '../verify/memory-violation.ts';
import { capLoads } from './cap-loads.ts';
import {
  firstMultipliers,
  type Multipliers,
  nextMultipliers,
  pricedCosts,
  type Strain,
  strainOf,
} from './multipliers.ts';
import { stationSets } from './station-sets.ts';

/** Minimum cuts for a set of stations, and for each part of it that is looked at further. */
const ROOT_STEPS = 6;
const PART_STEPS = 2;

/** Assignments that a part takes over from the one it is cut from. */
const REMEMBERED = 9;

/** A bound this close to the best plan proves it: sums over the same numbers in another order differ by less. */
const PROVEN = 1e-9;

/** What a search starts from. */
export interface SearchOptions {
  readonly allowed: AllowedTiers;
  /** Valid plans found otherwise; the result is no worse. */
  readonly known: readonly Plan[];
  /** Minimum cuts at most, beyond those for the sets of stations. */
  readonly solves: number;
}

/**
 * The best plan found and a proven bound (SPEC.md, section 4). One minimum cut per set of stations is exact for latency.
 * Streams and memory caps are priced, so that a cut bounds every plan from below, and branch and bound over the tiers of
 * disputed layers narrows what is left; exact when nothing is.
 */
export function bestPlan(problem: Problem, graph: PreparedGraph, options: SearchOptions): StrategyResult {
  return new Search(problem, graph, options).run(options.solves);
}

/** A part of the assignments: those over some stations that keep each layer within its mask. */
interface Part {
  readonly stations: readonly number[];
  readonly masks: Int32Array;
  readonly multipliers: Multipliers;
  readonly boundMs: number;
  /** What minimum cuts gave that lies in it. */
  readonly seen: readonly Relaxed[];
}

/** What one minimum cut gave. */
interface Relaxed extends Strain {
  readonly boundMs: number;
  readonly tierOf: readonly number[];
}

class Search {
  readonly #problem: Problem;
  readonly #graph: PreparedGraph;
  readonly #allowed: AllowedTiers;
  /** Weight of each layer as a share of each tier's cap. */
  readonly #loads: Float64Array;
  #best: Plan | null = null;
  #bestMs = Number.POSITIVE_INFINITY;
  #solved = 0;

  constructor(problem: Problem, graph: PreparedGraph, { allowed, known }: SearchOptions) {
    this.#problem = problem;
    this.#graph = graph;
    this.#allowed = allowed;
    this.#loads = capLoads(problem, graph);
    for (const plan of known) this.#offer(plan);
    const common = allowed.masks.reduce((tiers, mask) => tiers & mask, -1);
    for (const tier of allowed.available) {
      if ((common & (1 << tier)) !== 0) this.#offerAssignment(problem.layers.map(() => tier));
    }
  }

  run(solves: number): StrategyResult {
    const multipliers = (stations: readonly number[]) => firstMultipliers(this.#problem, stations);
    const open = stationSets(this.#allowed.available).map((stations) => {
      const whole = { stations, masks: this.#allowed.masks, multipliers: multipliers(stations), boundMs: 0, seen: [] };
      return this.#bound(whole, ROOT_STEPS);
    });
    const last = this.#solved + solves;
    for (;;) {
      open.sort((a, b) => b.boundMs - a.boundMs);
      const part = open.at(-1);
      if (part === undefined || this.#isProven(part.boundMs) || this.#solved >= last) break;
      open.pop();
      open.push(...this.#split(part).map((half) => this.#bound(half, PART_STEPS)));
    }
    return this.#answer(open.at(-1)?.boundMs ?? Number.POSITIVE_INFINITY);
  }

  #answer(boundMs: number): StrategyResult {
    if (this.#best !== null) return { ...this.#best, boundMs: Math.min(boundMs, this.#bestMs) };
    const proof = boundMs === Number.POSITIVE_INFINITY ? 'there is none' : `none was found in ${this.#solved} attempts`;
    return { infeasible: `no plan fits the memory caps of the tiers: ${proof}` };
  }

  #isProven(boundMs: number): boolean {
    return boundMs >= this.#bestMs * (1 - PROVEN);
  }

  #isHopeless(boundMs: number): boolean {
    return boundMs === Number.POSITIVE_INFINITY || boundMs > this.#bestMs * (1 + PROVEN);
  }

  #offer(plan: Plan): void {
    if (this.#best !== null && comparePlans(plan, this.#best, this.#problem.objective) >= 0) return;
    this.#best = plan;
    this.#bestMs = objectiveMs(plan, this.#problem.objective);
  }

  #offerAssignment(tierOf: readonly number[]): Ledger {
    const ledger = new Ledger(this.#problem, this.#graph, tierOf);
    const mayWin = ledger.objectiveMs() <= this.#bestMs * (1 + PROVEN);
    if (mayWin && memoryViolation(this.#problem, tierOf, this.#graph) === null) this.#offer(ledger.plan());
    return ledger;
  }

  /** Climbs towards a part's best bound, offering every assignment on the way. */
  #bound(part: Part, steps: number): Part {
    let { multipliers, boundMs } = part;
    let best = multipliers;
    const seen = part.seen.slice(-REMEMBERED);
    for (let step = 0; step < steps; step++) {
      const relaxed = this.#relax(part, multipliers);
      if (relaxed.boundMs > boundMs) [boundMs, best] = [relaxed.boundMs, multipliers];
      if (this.#isHopeless(boundMs)) break;
      seen.push(relaxed);
      const { stageMs, excess } = relaxed;
      if (stageMs.length + excess.length < 2 || this.#isProven(boundMs)) break;
      const goalMs = this.#best === null ? 2 * Math.max(...seen.map((one) => one.boundMs), 1) : this.#bestMs;
      multipliers = nextMultipliers(seen, goalMs);
    }
    return { ...part, multipliers: best, boundMs, seen };
  }

  /** One minimum cut: a lower bound over the valid assignments of a part (weak duality), and what it chose. */
  #relax({ stations, masks }: Part, multipliers: Multipliers): Relaxed {
    this.#solved++;
    const [problem, loads, model] = [this.#problem, this.#loads, labelModelOf(this.#graph)];
    const labels = leastLabelling(model, pricedCosts(problem, model, { stations, masks, loads, multipliers }));
    const tierOf = Array.from(masks, (_, layer) => stations[labels[layer] ?? 0] ?? 0);
    if (!within(masks, tierOf)) return { boundMs: Number.POSITIVE_INFINITY, tierOf, stageMs: [], excess: [] };
    const { stageMs, excess } = strainOf(problem, this.#offerAssignment(tierOf), { stations, loads });
    const shares = problem.objective === 'latency' ? [1] : multipliers.shares;
    const busyMs = shares.reduce((sum, share, stage) => sum + share * (stageMs[stage] ?? 0), 0);
    const boundMs = excess.reduce((sum, over, tier) => sum + over * (multipliers.prices[tier] ?? 0), busyMs);
    return { boundMs, tierOf, stageMs, excess };
  }

  /** Two halves of a part; none when a single assignment is left, which is offered. */
  #split(part: Part): Part[] {
    const tiers = part.stations.reduce((bits, tier) => bits | (1 << tier), 0);
    const own = part.masks.map((mask) => mask & tiers);
    const { layer, near } = this.#branch(own, part);
    if (near === 0) {
      this.#offerAssignment(Array.from(own, (mask) => 31 - Math.clz32(mask)));
      return [];
    }
    return [near, ~near].flatMap((half) => {
      const masks = own.slice();
      masks[layer] = (masks[layer] ?? 0) & half;
      if (propagate(masks, this.#graph) !== null) return [];
      const held = masks.reduce((tiers, mask) => tiers | mask, 1);
      const empty = part.stations.slice(0, -1).some((tier) => (held & (1 << tier)) === 0);
      const seen = part.seen.filter(({ tierOf }) => within(masks, tierOf));
      return empty ? [] : [{ ...part, masks, seen }];
    });
  }

  /**
   * The layer to split at, and the tiers of the first half; 0 when no layer has a choice. Best where the cuts differ; then
   * where a layer could make use of a tier that counts as used and is not; else where most time is at stake.
   */
  #branch(masks: Int32Array, { stations, seen }: Part): { layer: number; near: number } {
    const unused = stations.slice(1, -1).find((tier) => !seen.at(-1)?.tierOf.includes(tier));
    const use = unused === undefined ? 0 : 1 << unused;
    let picked = { layer: -1, near: 0 };
    let most = -1;
    masks.forEach((mask, layer) => {
      if ((mask & (mask - 1)) === 0) return;
      const tiers = seen.map(({ tierOf }) => tierOf[layer] ?? 0);
      const lowest = Math.min(...tiers);
      const disputed = Math.max(...tiers) > lowest;
      const stakeMs = Math.max(...(this.#problem.layers[layer]?.computeMs ?? []));
      const score = stakeMs + (disputed ? 2 : (mask & use) > 0 ? 1 : 0) * 1e12;
      if (score <= most) return;
      most = score;
      const below = disputed ? mask & (2 ** (lowest + 1) - 1) : mask & use;
      picked = { layer, near: below === mask || below === 0 ? mask & -mask : below };
    });
    return picked;
  }
}

/** Whether every layer lies on a tier of its mask. */
function within(masks: Int32Array, tierOf: readonly number[]): boolean {
  return masks.every((mask, layer) => (mask & (1 << (tierOf[layer] ?? 0))) !== 0);
}
