import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { comparePlans, objectiveMs } from '../objective/compare-plans.ts';
import { Ledger } from '../objective/ledger.ts';
import type { Plan, Problem, StrategyResult } from '../problem.ts';
import { type AllowedTiers, propagate } from '../verify/allowed-tiers.ts';
import { planViolation } from '../verify/verify-plan.ts';
import { improve } from './improve.ts';
import { ascend, firstMultipliers, type Multipliers } from './multipliers.ts';
import { Relaxation, type Relaxed } from './relaxation.ts';
import { stationSets } from './station-sets.ts';

/** Ascent steps at the first node of a set of stations, and at each further one. */
const ROOT_STEPS = 30;
const NODE_STEPS = 6;

/** A bound this close to the best plan proves it. */
const PROVEN = 1e-9;

/** What a bounded search starts from. */
export interface BoundedOptions {
  readonly allowed: AllowedTiers;
  /** Valid plans found otherwise; the result is no worse. */
  readonly seeds: readonly Plan[];
  /** Relaxed problems solved at most, beyond those of the roots. */
  readonly solves: number;
}

/**
 * The best plan found and a proven bound, where no single minimum cut answers: throughput, and memory caps. Branch and
 * bound: relaxed problems (see {@link Relaxation}) give bounds and candidates; nodes split the tiers that a layer may lie
 * on, where the relaxed problems disagree. Exact when the tree is exhausted.
 */
export function boundedPlan(problem: Problem, graph: PreparedGraph, options: BoundedOptions): StrategyResult {
  const search = new BoundedSearch(problem, graph, options);
  return search.run(options.solves);
}

/** A part of the assignments: those over some stations that keep each layer within its mask. */
interface Node {
  readonly stations: readonly number[];
  readonly masks: Int32Array;
  readonly multipliers: Multipliers;
  readonly boundMs: number;
  /** Tiers that relaxed problems put each layer on, lowest and highest. */
  readonly lowest: readonly number[];
  readonly highest: readonly number[];
}

class BoundedSearch {
  readonly #problem: Problem;
  readonly #graph: PreparedGraph;
  readonly #relaxation: Relaxation;
  readonly #allowed: AllowedTiers;
  #best: Plan | null = null;
  #solved = 0;

  constructor(problem: Problem, graph: PreparedGraph, { allowed, seeds }: BoundedOptions) {
    this.#problem = problem;
    this.#graph = graph;
    this.#allowed = allowed;
    this.#relaxation = new Relaxation(problem, graph);
    for (const seed of seeds) this.#offer(seed);
    for (const tier of allowed.available) {
      const tierOf = problem.layers.map(() => tier);
      if (planViolation(problem, tierOf, graph) === null) this.#offer(new Ledger(problem, graph, tierOf).plan());
    }
  }

  run(solves: number): StrategyResult {
    const open = stationSets(this.#allowed.available).map((stations) => {
      const multipliers = firstMultipliers(this.#problem, stations);
      const masks = this.#allowed.masks.slice();
      return this.#bound({ stations, masks, multipliers, boundMs: 0, lowest: [], highest: [] }, ROOT_STEPS);
    });
    this.#polish();
    const last = this.#solved + solves;
    let polished = this.#best;
    while (this.#solved < last) {
      open.sort((a, b) => b.boundMs - a.boundMs);
      const node = open.at(-1);
      if (node === undefined || node.boundMs >= this.#targetMs()) break;
      open.pop();
      open.push(...this.#split(node).map((part) => this.#bound(part, NODE_STEPS)));
      if (polished !== this.#best) polished = this.#polish();
    }
    const boundMs = Math.min(...open.map((node) => node.boundMs));
    if (this.#best !== null) {
      return {
        ...this.#best,
        boundMs: Math.max(0, Math.min(boundMs, objectiveMs(this.#best, this.#problem.objective))),
      };
    }
    const proof = boundMs === Number.POSITIVE_INFINITY ? 'there is none' : `none was found in ${this.#solved} attempts`;
    return { infeasible: `no plan fits the memory caps of the tiers: ${proof}` };
  }

  #bestMs(): number {
    return this.#best === null ? Number.POSITIVE_INFINITY : objectiveMs(this.#best, this.#problem.objective);
  }

  #targetMs(): number {
    return this.#bestMs() * (1 - PROVEN);
  }

  #offer(plan: Plan): void {
    if (this.#best === null || comparePlans(plan, this.#best, this.#problem.objective) < 0) this.#best = plan;
  }

  #polish(): Plan | null {
    if (this.#best !== null) {
      this.#offer(improve(this.#problem, this.#graph, { plan: this.#best, masks: this.#allowed.masks }));
    }
    return this.#best;
  }

  /** Climbs towards the node's best bound, offering every valid assignment on the way. */
  #bound(node: Node, steps: number): Node {
    let { multipliers, boundMs } = node;
    let best = multipliers;
    const seen: Relaxed[] = [];
    let reach = 1;
    for (let step = 0; step < steps; step++) {
      const relaxed = this.#relaxation.solve(node.stations, node.masks, multipliers);
      this.#solved++;
      if (relaxed.boundMs === Number.POSITIVE_INFINITY) return { ...node, boundMs: relaxed.boundMs };
      seen.push(relaxed);
      this.#offerAssignment(relaxed.tierOf);
      if (relaxed.boundMs > boundMs) [boundMs, best] = [relaxed.boundMs, multipliers];
      else reach *= 0.7;
      if (boundMs >= this.#targetMs()) break;
      const goalMs = this.#best === null ? 2 * Math.abs(relaxed.boundMs) + 1 : this.#bestMs();
      const gapMs = reach * (goalMs - relaxed.boundMs);
      multipliers = ascend(multipliers, { stageMs: relaxed.stageMs, excess: relaxed.excess, gapMs });
    }
    const spread = (pick: (...tiers: number[]) => number) =>
      Array.from(node.masks, (_, layer) => pick(...seen.map(({ tierOf }) => tierOf[layer] ?? 0)));
    return { ...node, multipliers: best, boundMs, lowest: spread(Math.min), highest: spread(Math.max) };
  }

  #offerAssignment(tierOf: readonly number[]): void {
    if (
      this.#problem.constraints.memoryBytes !== undefined &&
      planViolation(this.#problem, tierOf, this.#graph) !== null
    ) {
      return;
    }
    this.#offer(new Ledger(this.#problem, this.#graph, tierOf).plan());
  }

  /** Two halves of a node; none when a single assignment is left, which is offered. */
  #split(node: Node): Node[] {
    const layer = this.#pickLayer(node);
    if (layer < 0) {
      this.#offerAssignment(Array.from(node.masks, (mask) => 31 - Math.clz32(this.#within(mask, node))));
      return [];
    }
    const mask = this.#within(node.masks[layer] ?? 0, node);
    const lowest = node.lowest[layer] ?? 0;
    const below = mask & (2 ** (lowest + 1) - 1);
    const near = below === mask || below === 0 ? mask & -mask : below;
    return [near, mask & ~near].flatMap((part) => {
      const masks = node.masks.slice();
      masks[layer] = part;
      return propagate(masks, this.#graph) === null ? [{ ...node, masks }] : [];
    });
  }

  /** The layer on whose tier relaxed problems differ, with the most at stake; else any that still has a choice. */
  #pickLayer(node: Node): number {
    let picked = -1;
    let most = -1;
    node.masks.forEach((mask, layer) => {
      const choices = this.#within(mask, node);
      if ((choices & (choices - 1)) === 0) return;
      const disputed = (node.highest[layer] ?? 0) - (node.lowest[layer] ?? 0);
      const stake = Math.max(...(this.#problem.layers[layer]?.computeMs ?? []), 0);
      const score = disputed * 1e9 + stake;
      if (score > most) [picked, most] = [layer, score];
    });
    return picked;
  }

  #within(mask: number, { stations }: Node): number {
    return stations.reduce((kept, tier) => kept | (mask & (1 << tier)), 0);
  }
}
