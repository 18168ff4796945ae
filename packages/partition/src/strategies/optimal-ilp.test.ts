import { graphFamilies, ilpModels, Random, randomGraph, randomProblem } from '@d3/testkit';
import loadHighs from 'highs';
import { describe, expect, it } from 'vitest';
import { isPlan, objectiveMs, optimal, prepareGraph } from '../index.ts';
import type { Objective, Problem } from '../problem.ts';

const CASES = 60;
const CAPPED_CASES = 12;
/** The solver stops within this of the optimum. */
const SOLVER_GAP = 1e-6;

/** The package is CommonJS whose function is the module itself; its types say `default`. */
const startHighs = loadHighs as unknown as typeof loadHighs.default;
const highs = await startHighs();

/** The optimum by an integer program per set of tiers; null when none has a solution. */
function byIlp(problem: Problem): number | null {
  const found = ilpModels(problem).flatMap((text) => {
    const solution = highs.solve(text, { mip_rel_gap: 1e-9, output_flag: false });
    return solution.Status === 'Optimal' ? [solution.ObjectiveValue] : [];
  });
  return found.length === 0 ? null : Math.min(...found);
}

function check(seed: number, { objective, memoryCaps }: { objective: Objective; memoryCaps: boolean }): void {
  const random = new Random(seed);
  const size = objective === 'throughput' || memoryCaps ? random.integer(4, 9) : random.integer(10, 36);
  const graph = randomGraph(random, random.pick(graphFamilies), size);
  const constraints = random.chance(0.5) ? 0.3 : 0;
  const codedPerHop = random.chance(0.3);
  const problem = randomProblem(random, graph, {
    tierCount: random.integer(2, 3),
    objective,
    constraints,
    codedPerHop,
    memoryCaps,
  });
  const plan = optimal.plan(problem, prepareGraph(problem));
  const ilpMs = byIlp(problem);
  if (ilpMs === null || !isPlan(plan)) {
    expect([seed, isPlan(plan)]).toEqual([seed, ilpMs !== null]);
    return;
  }
  expect(Math.abs(objectiveMs(plan, objective) / ilpMs - 1), `seed ${seed}`).toBeLessThan(SOLVER_GAP);
}

describe('optimal', () => {
  it(`equals an integer program on ${CASES} larger DAGs`, () => {
    for (let seed = 0; seed < CASES; seed++) check(300_000 + seed, { objective: 'latency', memoryCaps: false });
  });

  it(`equals an integer program on ${CAPPED_CASES} DAGs each under memory caps and for streams`, () => {
    for (let seed = 0; seed < CAPPED_CASES; seed++) {
      check(310_000 + seed, { objective: 'latency', memoryCaps: true });
      check(320_000 + seed, { objective: 'throughput', memoryCaps: false });
    }
  });
});
