import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { comparePlans, isPlan } from '../objective/compare-plans.ts';
import { evaluate } from '../objective/evaluate.ts';
import type { Explanation, Hop, Plan, Problem, StrategyResult } from '../problem.ts';
import { optimal } from '../strategies/optimal.ts';
import { linkName } from './binding.ts';

type TurningPoint = Explanation['turningPoints'][number];

/** One quantity of a problem, and the problem with that quantity multiplied. */
interface Quantity {
  readonly name: string;
  readonly now: number;
  readonly unit: string;
  readonly scaled: (factor: number) => Problem;
}

/** How far from now a change is looked for, and how exactly. */
const FURTHEST = 16;
const STEPS = 5;

/**
 * Where the set of tiers in use would change, for each link's rate and each tier's load: the nearest value within a factor
 * of 16 either way, within 20 %. A quantity that changes nothing there is left out.
 */
export function turningPointsOf(problem: Problem, plan: Plan, { graph, strategies }: Known): TurningPoint[] {
  const now = shapeOf(problem, plan);
  const exact = problem.objective === 'latency' && problem.constraints.memoryBytes === undefined;
  const answer = exact ? (changed: Problem) => optimal.plan(changed, graph) : bestOfKnown(strategies, graph);
  return quantitiesOf(problem).flatMap((quantity) => {
    const points = [FURTHEST, 1 / FURTHEST].flatMap((factor) => turningPoint(quantity, { factor, now, answer }));
    points.sort((a, b) => Math.abs(Math.log(a.at / a.now)) - Math.abs(Math.log(b.at / b.now)));
    return points.slice(0, 1);
  });
}

function turningPoint(
  quantity: Quantity,
  { factor, now, answer }: { factor: number; now: string; answer: (changed: Problem) => StrategyResult },
): TurningPoint[] {
  const shapeAt = (exponent: number) => {
    const problem = quantity.scaled(factor ** exponent);
    const result = answer(problem);
    return isPlan(result) ? shapeOf(problem, result) : now;
  };
  let [same, other] = [0, 1];
  let then = shapeAt(other);
  if (then === now) return [];
  for (let step = 0; step < STEPS; step++) {
    const middle = (same + other) / 2;
    const shape = shapeAt(middle);
    if (shape === now) same = middle;
    else [other, then] = [middle, shape];
  }
  return [
    { quantity: quantity.name, now: quantity.now, at: quantity.now * factor ** other, unit: quantity.unit, then },
  ];
}

/** What is known of the problem as it is. */
export interface Known {
  readonly graph: PreparedGraph;
  readonly strategies: Readonly<Record<string, StrategyResult>>;
}

/** Where planning anew is dear, the plans that were found compete under the changed costs. */
function bestOfKnown(strategies: Known['strategies'], graph: PreparedGraph): (changed: Problem) => StrategyResult {
  const plans = Object.values(strategies).filter(isPlan);
  return (changed) =>
    plans
      .map((plan) => evaluate(changed, plan.tierOf, graph))
      .reduce((best, plan) => (comparePlans(plan, best, changed.objective) < 0 ? plan : best));
}

function quantitiesOf(problem: Problem): Quantity[] {
  const links = problem.hops.map((hop, index) => ({
    name: `rate of ${linkName(problem, index)}`,
    now: (hop.upBytesPerMs * 8) / 1000,
    unit: 'Mbit/s',
    scaled: (factor: number) => ({ ...problem, hops: problem.hops.with(index, scaledRate(hop, factor)) }),
  }));
  const tiers = problem.tiers.map((name, tier) => ({
    name: `compute time of ${name}`,
    now: 1,
    unit: '×',
    scaled: (factor: number) => ({ ...problem, layers: problem.layers.map((layer) => slower(layer, tier, factor)) }),
  }));
  return [...links, ...tiers];
}

function scaledRate(hop: Hop, factor: number): Hop {
  return { ...hop, upBytesPerMs: hop.upBytesPerMs * factor, downBytesPerMs: hop.downBytesPerMs * factor };
}

function slower(layer: Problem['layers'][number], tier: number, factor: number): Problem['layers'][number] {
  return { ...layer, computeMs: layer.computeMs.with(tier, (layer.computeMs[tier] ?? 0) * factor) };
}

function shapeOf(problem: Problem, plan: Plan): string {
  return problem.tiers.filter((_, tier) => plan.tierOf.includes(tier)).join('+');
}
