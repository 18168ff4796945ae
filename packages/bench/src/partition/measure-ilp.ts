import { isPlan, optimal, prepareGraph } from '@d3/partition';
import { ilpModels, Random } from '@d3/testkit';
import { type NetworkName, networks } from '@d3/zoo';
import loadHighs from 'highs';
import type { Row } from './measure-speed.ts';
import { networkProblem } from './network-problem.ts';
import { median, timesOf } from './timing.ts';

/** The package is CommonJS whose function is the module itself; its types say `default`. */
const startHighs = loadHighs as unknown as typeof loadHighs.default;

/** Time of an integer program (HiGHS, its start-up not counted) over that of `optimal`, and whether they agree. */
export async function measureIlp(names: readonly NetworkName[]): Promise<{ rows: Row[]; ratio: number }> {
  const highs = await startHighs();
  const rows = names.map((network) => {
    const { graph } = networks[network]();
    const prepared = prepareGraph(graph);
    const problem = networkProblem(new Random(5), graph);
    const optimalMs = median(timesOf(() => optimal.plan(problem, prepared), { rounds: 40, warmUp: 40 }));
    const plan = optimal.plan(problem, prepared);
    let ilpMs = 0;
    let longestIlpMs = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const model of ilpModels(problem)) {
      const start = performance.now();
      const solution = highs.solve(model, { mip_rel_gap: 1e-9, output_flag: false });
      const ms = performance.now() - start;
      ilpMs += ms;
      longestIlpMs = Math.max(longestIlpMs, ms);
      if (solution.Status === 'Optimal') least = Math.min(least, solution.ObjectiveValue);
    }
    const agree = isPlan(plan) && Math.abs(plan.latencyMs / least - 1) < 1e-6;
    const ratio = ilpMs / optimalMs;
    return { what: 'ilp', network, layers: graph.layers.length, optimalMs, ilpMs, longestIlpMs, agree, ratio };
  });
  return { rows, ratio: median(rows.map(({ ratio }) => ratio)) };
}
