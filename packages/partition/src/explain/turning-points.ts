import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { isPlan } from '../objective/compare-plans.ts';
import type { Explanation, Hop, Plan, Problem } from '../problem.ts';
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
export function turningPointsOf(problem: Problem, plan: Plan, graph: PreparedGraph): TurningPoint[] {
  const now = shapeOf(problem, plan);
  return quantitiesOf(problem).flatMap((quantity) => {
    const points = [FURTHEST, 1 / FURTHEST].flatMap((factor) => turningPoint(quantity, { factor, now, graph }));
    points.sort((a, b) => Math.abs(Math.log(a.at / a.now)) - Math.abs(Math.log(b.at / b.now)));
    return points.slice(0, 1);
  });
}

function turningPoint(
  quantity: Quantity,
  { factor, now, graph }: { factor: number; now: string; graph: PreparedGraph },
): TurningPoint[] {
  const shapeAt = (exponent: number) => {
    const problem = quantity.scaled(factor ** exponent);
    const result = optimal.plan(problem, graph);
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

function quantitiesOf(problem: Problem): Quantity[] {
  const links = problem.hops.map((hop, index) => ({
    name: `rate of ${linkName(problem, index)}`,
    now: (hop.upBytesPerMs * 8) / 1000,
    unit: 'Mbit/s',
    scaled: (factor: number) => ({ ...problem, hops: problem.hops.with(index, scaledRate(hop, factor)) }),
  }));
  const tiers = problem.tiers.map((name, tier) => ({
    name: `slowdown of ${name}`,
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
