import { type LabelCosts, labelCosts, type StageWeights } from '../labelling/label-costs.ts';
import type { LabelModel } from '../labelling/label-model.ts';
import type { Ledger } from '../objective/ledger.ts';
import type { Problem } from '../problem.ts';
import { capExcess } from './cap-loads.ts';
import { gameWeights } from './game-weights.ts';

/** Least share of the objective among the weights of a game, so that prices stay finite. */
const LEAST_SHARE = 1e-3;

/**
 * The prices of a relaxation. For throughput: `shares` of the stages, which add up to one, since no plan's weighted sum of
 * stage times exceeds its slowest stage. For memory caps: a price per tier of being over its cap, in ms per cap.
 */
export interface Multipliers {
  /** One per station, one per hop between stations up, one per hop down; empty for latency. */
  readonly shares: readonly number[];
  /** One per tier; 0 where there is no cap. */
  readonly prices: readonly number[];
}

/** Equal shares, no prices. */
export function firstMultipliers(problem: Problem, stations: readonly number[]): Multipliers {
  const stages = problem.objective === 'latency' ? 0 : 3 * stations.length - 2;
  return { shares: new Array<number>(stages).fill(1 / stages), prices: problem.tiers.map(() => 0) };
}

/** How a labelling over `stations` weighs its parts under the given multipliers. */
function stageWeights(problem: Problem, stations: readonly number[], { shares }: Multipliers): StageWeights {
  const hopCount = stations.length - 1;
  if (problem.objective === 'latency') {
    const ones = new Array<number>(hopCount).fill(1);
    return { tier: problem.tiers.map(() => 1), up: ones, down: ones, delay: 1 };
  }
  const tier = problem.tiers.map(() => 0);
  stations.forEach((station, index) => {
    tier[station] = (shares[index] ?? 0) / (problem.concurrency[station] ?? 1);
  });
  const up = shares.slice(stations.length, stations.length + hopCount);
  return { tier, up, down: shares.slice(stations.length + hopCount), delay: 0 };
}

/** What an assignment puts on each stage and tier; see {@link strainOf}. */
export interface Strain {
  /** Time of each stage; for latency all of it in one. */
  readonly stageMs: readonly number[];
  /** Per tier, its weights over its cap, less one; empty without caps. */
  readonly excess: readonly number[];
}

/**
 * The multipliers under which the least of some assignments costs most: the best first player of a matrix game.
 *
 * @param seen - at least one, all over the same stations
 * @param goalMs - what the best plan known costs: excess is weighed against it
 */
export function nextMultipliers(seen: readonly Strain[], goalMs: number): Multipliers {
  const weights = gameWeights(seen.map(({ stageMs, excess }) => [...stageMs.map((ms) => ms / goalMs - 1), ...excess]));
  const stages = seen[0]?.stageMs.length ?? 0;
  const shares = weights.slice(0, stages);
  const total = Math.max(
    LEAST_SHARE,
    shares.reduce((sum, share) => sum + share, 0),
  );
  return {
    shares: shares.map((share) => share / total),
    prices: weights.slice(stages).map((weight) => (goalMs * weight) / total),
  };
}

/** {@link Strain} of an assignment, over stations among which is every tier that holds a layer. */
export function strainOf(
  problem: Problem,
  ledger: Ledger,
  { stations, loads }: Pick<PricedScope, 'stations' | 'loads'>,
): Strain {
  const { latencyMs, stageMs } = ledger.over(stations);
  const excess = capExcess(problem, loads, ledger.assignment());
  return { stageMs: problem.objective === 'latency' ? [latencyMs] : stageMs, excess };
}

/** Which part of a problem is priced, and how. */
export interface PricedScope {
  readonly stations: readonly number[];
  readonly masks: Int32Array;
  /** See `capLoads`. */
  readonly loads: Float64Array;
  readonly multipliers: Multipliers;
}

/** The costs of a labelling under multipliers, save what the caps themselves are worth. */
export function pricedCosts(
  problem: Problem,
  model: LabelModel,
  { stations, masks, loads, multipliers }: PricedScope,
): LabelCosts {
  const { prices } = multipliers;
  const extraMs = loads.map((load, at) => load * (prices[at % prices.length] ?? 0));
  return labelCosts(problem, model, {
    stations,
    masks,
    weights: stageWeights(problem, stations, multipliers),
    extraMs,
  });
}
