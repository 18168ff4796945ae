import { type Assignment, evaluate, objectiveMs, type PreparedGraph, type Problem } from '@d3/partition';

/** Moments this far apart are remembered. */
const EVERY_MS = 2000;
/** For how long. */
const WINDOW_MS = 60_000;

interface Moment {
  readonly atMs: number;
  readonly problem: Problem;
}

/**
 * What plans will take over the next seconds: mostly what they take now, and for the rest what they would have taken of late, since
 * links that fade come back. Of late is the last minute, and its mean that of requests per second: what counts is how many each
 * plan would have answered.
 */
export class Forecast {
  readonly #graph: PreparedGraph;
  readonly #trust: number;
  #seen: readonly Moment[] = [];

  /** @param trust - weight of now, 0 to 1 */
  constructor(graph: PreparedGraph, trust: number) {
    this.#graph = graph;
    this.#trust = trust;
  }

  /** Remembers how it is now; what was before other tiers or another objective says nothing any more. */
  look(nowMs: number, problem: Problem): void {
    const last = this.#seen.at(-1);
    const comparable = last?.problem.objective === problem.objective && sameTiers(last.problem, problem);
    if (comparable && nowMs - last.atMs < EVERY_MS) return;
    const recent = comparable ? this.#seen.filter(({ atMs }) => atMs > nowMs - WINDOW_MS) : [];
    this.#seen = [...recent, { atMs: nowMs, problem }];
  }

  /** @param ms - what a plan takes now, in terms of the objective */
  of(tierOf: Assignment, ms: number): number {
    let [requests, totalMs] = [0, 0];
    for (const [index, { atMs, problem }] of this.#seen.entries()) {
      const forMs = (this.#seen[index + 1]?.atMs ?? atMs + EVERY_MS) - atMs;
      requests += forMs / objectiveMs(evaluate(problem, tierOf, this.#graph), problem.objective);
      totalMs += forMs;
    }
    const lately = totalMs === 0 ? 1 / ms : requests / totalMs;
    return 1 / (this.#trust / ms + (1 - this.#trust) * lately);
  }
}

function sameTiers(a: Problem, b: Problem): boolean {
  return a.tiers.length === b.tiers.length && a.tiers.every((tier, index) => tier === b.tiers[index]);
}
