import {
  type Assignment,
  changeBeyondBands,
  evaluate,
  hpa,
  isPlan,
  type LayerGraph,
  objectiveMs,
  optimal,
  optimalFrom,
  type Plan,
  type PreparedGraph,
  type Problem,
  planViolation,
  prepareGraph,
  repartition,
  type StrategyResult,
} from '@d3/partition';
import { describeChange } from './describe-change.ts';
import { Forecast } from './forecast.ts';
import type { AdaptationOptions, Beliefs, Declined, Obstacle, SwitchCost, Verdict } from './verdict.ts';

const DEFAULTS: Required<AdaptationOptions> = {
  minGain: 0.15,
  confirmations: 2,
  dwellMs: 5000,
  horizonMs: 60_000,
  trust: 0.7,
};
/** A wait for a free worker that grows by less is no reason to plan. */
const LEAST_WAIT_MS = 1;
/** A switch so soon after another shows that the link comes and goes. */
const SOON_MS = 30_000;
/** For how long that is held against it. */
const RESTLESS_MS = 120_000;
/** Plan and fit alternate so often at most. */
const FITS = 3;
const UNCHANGED: Verdict = { kind: 'unchanged' };

/** A plan that is better now. */
interface Candidate {
  readonly plan: Plan;
  readonly gainMs: number;
  /** Of the current plan's time, as far as the next seconds can be foreseen. */
  readonly gain: number;
  readonly cost: SwitchCost;
}

/**
 * Decides when a session leaves its plan for another. Pure: it has no timer and no clock, only what {@link consider} is told.
 *
 * It plans anew when something has left the band around what the live plan was made for, and switches if the new plan wins
 * enough over the next seconds, has done so several times in a row, the last switch is some time ago, and the switch costs less than it wins. When a
 * tier or link was lost, or the live plan is no longer allowed, it switches at once.
 */
export class AdaptationPolicy {
  readonly #graph: PreparedGraph;
  readonly #options: Required<AdaptationOptions>;
  /** What the live plan is known to be right for. */
  #madeFor: Problem | undefined;
  #switchedMs = Number.NEGATIVE_INFINITY;
  /** Whether the next plan to go live was this policy's decision, and when the last such one did. */
  #decided = false;
  #decidedMs = Number.NEGATIVE_INFINITY;
  /** When a switch last followed soon on another: the link comes and goes. */
  #restlessMs = Number.NEGATIVE_INFINITY;
  /** Looks in a row that found a plan with enough gain. */
  #confirmed = 0;
  readonly #forecast: Forecast;

  constructor(graph: LayerGraph, options: AdaptationOptions = {}) {
    this.#graph = prepareGraph(graph);
    this.#options = { ...DEFAULTS, ...options };
    this.#forecast = new Forecast(this.#graph, this.#options.trust);
  }

  /** A plan made for `problem` went live: the dwell time begins. */
  adopted(nowMs: number, problem: Problem): void {
    this.#madeFor = problem;
    if (this.#decided) {
      if (nowMs - this.#decidedMs < SOON_MS) this.#restlessMs = nowMs;
      this.#decidedMs = nowMs;
      this.#decided = false;
    }
    this.#switchedMs = nowMs;
    this.#confirmed = 0;
  }

  /** What to do about what is believed now. Call it when an estimate, a load or the set of tiers changed. */
  consider(beliefs: Beliefs): Verdict {
    const { problem, current } = beliefs;
    const forced = beliefs.forced ?? planViolation(problem, current, this.#graph)?.fault;
    if (forced !== undefined) return this.#switchNow(beliefs, forced);
    this.#forecast.look(beliefs.nowMs, problem);
    if (this.#madeFor !== undefined && !leftBand(this.#madeFor, problem)) return this.#stay();
    const live = evaluate(problem, current, this.#graph);
    const found = this.#bestPlan(beliefs, live);
    if (found === undefined || sameAssignment(found.tierOf, current)) {
      this.#madeFor = problem;
      return this.#stay();
    }
    const [liveMs, foundMs] = [this.#foreseen(beliefs, live), this.#foreseen(beliefs, found)];
    const gainMs = liveMs - foundMs;
    const cost = beliefs.switchCost(found.tierOf);
    return this.#weigh(beliefs, { plan: found, gainMs, gain: gainMs / liveMs, cost });
  }

  /** A link that has not come and gone lately is taken to stay as it is. */
  #foreseen({ nowMs, problem }: Beliefs, plan: Plan): number {
    const ms = objectiveMs(plan, problem.objective);
    return nowMs - this.#restlessMs < RESTLESS_MS ? this.#forecast.of(plan.tierOf, ms) : ms;
  }

  #stay(): Verdict {
    this.#confirmed = 0;
    return UNCHANGED;
  }

  #switchNow({ problem, current, switchCost }: Beliefs, reason: string): Verdict {
    const found = optimalFrom([hpa]).plan(problem, this.#graph);
    if (!isPlan(found)) return { kind: 'infeasible', reason: `${reason}; ${found.infeasible}` };
    if (sameAssignment(found.tierOf, current)) return this.#stay();
    const { bytes } = switchCost(found.tierOf);
    return { kind: 'switch', reason, tierOf: found.tierOf, plan: found, predictedGainMs: 0, bytes };
  }

  #weigh(beliefs: Beliefs, candidate: Candidate): Verdict {
    const { minGain, confirmations, dwellMs } = this.#options;
    const { gain } = candidate;
    if (gain < minGain) {
      this.#confirmed = 0;
      return declined(candidate, 'gain', `it would win ${percent(gain)} and a switch takes ${percent(minGain)}`);
    }
    const costly = this.#costsMore(beliefs, candidate);
    if (costly !== undefined) return declined(candidate, 'cost', costly);
    this.#confirmed += 1;
    if (this.#confirmed < confirmations) {
      const reason = `a gain of ${percent(gain)} was seen ${this.#confirmed} times of ${confirmations} in a row`;
      return declined(candidate, 'confirmation', reason);
    }
    const sinceMs = beliefs.nowMs - this.#switchedMs;
    if (sinceMs < dwellMs) {
      const reason = `the last switch was ${seconds(sinceMs)} ago and the next may come after ${seconds(dwellMs)}`;
      return { ...declined(candidate, 'dwell', reason), againInMs: dwellMs - sinceMs };
    }
    return this.#switchTo(beliefs.problem, candidate);
  }

  #switchTo(problem: Problem, { plan, gainMs, cost }: Candidate): Verdict {
    this.#decided = true;
    const then = this.#madeFor ?? problem;
    const reason = describeChange(then, problem) ?? 'another plan is faster';
    return { kind: 'switch', reason, tierOf: plan.tierOf, plan, predictedGainMs: gainMs, bytes: cost.bytes };
  }

  /** Why the switch does not pay over the requests to be expected, in words; undefined when it does. */
  #costsMore({ requestsPerSecond }: Beliefs, { gainMs, cost }: Candidate): string | undefined {
    const { horizonMs } = this.#options;
    const requests = Math.max(1, (requestsPerSecond * horizonMs) / 1000);
    if (requests * gainMs >= cost.ms) return undefined;
    const wins = `${requests.toFixed(0)} requests in ${seconds(horizonMs)} would win ${seconds(requests * gainMs)}`;
    const fetch = cost.bytes > 0 ? `fetching ${(cost.bytes / 1e6).toFixed(1)} MB and ` : '';
    return `${fetch}building the segments takes ${seconds(cost.ms)}, and ${wins}`;
  }

  /** The best plan, its links fitted to what it sends itself. */
  #bestPlan({ problem, problemFor }: Beliefs, live: Plan): Plan | undefined {
    let found = this.#plan(problem, live);
    for (let round = 1; isPlan(found) && problemFor !== undefined; round++) {
      const fitted = problemFor(found.tierOf);
      const next: StrategyResult = round < FITS ? this.#plan(fitted, live) : found;
      if (!isPlan(next) || sameAssignment(next.tierOf, found.tierOf))
        return evaluate(fitted, found.tierOf, this.#graph);
      found = next;
    }
    return isPlan(found) ? found : undefined;
  }

  /** The best plan for a problem: exact where that is quick, adjusted locally for streams and memory caps. */
  #plan(problem: Problem, live: Plan): StrategyResult {
    const capped = (problem.constraints.memoryBytes ?? []).some((cap) => cap !== null);
    if (problem.objective === 'latency' && !capped) return optimal.plan(problem, this.#graph);
    const change = this.#madeFor && changeBeyondBands(this.#madeFor, problem);
    const leap = { links: [], layers: [], factor: Number.POSITIVE_INFINITY };
    return repartition(problem, live, { change: change ?? leap, graph: this.#graph }).result;
  }
}

function leftBand(then: Problem, now: Problem): boolean {
  if (then.tiers.join() !== now.tiers.join()) return true;
  if (changeBeyondBands(then, now) !== null) return true;
  return now.tierFixedMs.some((fixedMs, tier) => {
    const before = then.tierFixedMs[tier] ?? 0;
    return Math.abs(fixedMs - before) >= LEAST_WAIT_MS;
  });
}

function sameAssignment(a: Assignment, b: Assignment): boolean {
  return a.length === b.length && a.every((tier, layer) => tier === b[layer]);
}

function declined({ plan, gainMs, cost }: Candidate, obstacle: Obstacle, reason: string): Declined {
  const { tierOf } = plan;
  return { kind: 'declined', obstacle, reason, tierOf, predictedGainMs: gainMs, bytes: cost.bytes };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
