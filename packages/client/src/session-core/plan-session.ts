import {
  type Assignment,
  type Constraints,
  evaluate,
  explain,
  isPlan,
  type Objective,
  type PlanReport,
  type Problem,
  planProblem,
  planViolation,
  prepareGraph,
  type StrategyResult,
  segmentsOf,
} from '@d3/partition';
import { buildProblem, fitLinks, type LinkEstimate, type LinkFit, type PlanBytes, type TierProfile } from '@d3/profile';
import { clientError } from '../errors.ts';
import type { LoadedModel } from './load-model.ts';
import { pictureBytes } from './request-input.ts';

/** What a session is to aim at. */
export interface Goal {
  readonly objective: Objective;
  readonly constraints: Constraints;
}

/** What is known of the tiers. */
export interface Situation {
  /** Device first; those that are away included. */
  readonly profiles: readonly TierProfile[];
  /** One fewer than `profiles`. */
  readonly links: readonly LinkEstimate[];
  /** Tiers that cannot be used now. */
  readonly away: readonly string[];
  /** Per link: how a plan finds it that sends so much. */
  readonly fits: readonly LinkFit[];
  /** Coded sizes that earlier requests had, by tensor name. */
  readonly codedBytes: ReadonlyMap<string, number>;
  /** Weights that the device may hold, unless the goal says otherwise. */
  readonly memoryBytes: number;
  /** For how long the device's link has been silent though something is under way; 0 when it is not. */
  readonly stalledMs: number;
}

/** A feasible plan. */
export interface ChosenPlan {
  readonly report: PlanReport;
  readonly tierOf: Assignment;
}

/** A planning problem has two tiers at least: a device alone has beside it an edge that is unavailable. */
const NO_LINK: LinkEstimate = { upBytesPerMs: 1, downBytesPerMs: 1, delayMs: 0 };

/**
 * Plans a model over what is there; the links are those that the plan itself will find.
 *
 * @throws D3Error `CLIENT_PLAN_INFEASIBLE`; `PARTITION_PROBLEM_INVALID` for constraints that name what does not exist
 */
export function planSession(model: LoadedModel, situation: Situation, goal: Goal): ChosenPlan {
  const { plan } = fitLinks(situation.fits, [], (links) => {
    const chosen = choose(problemOf(model, { ...situation, links }, goal));
    return { plan: chosen, bytes: planBytes(chosen.report.problem, chosen.tierOf) };
  });
  return plan;
}

/** Name under which a report has a plan that was decided on and that no strategy found. */
const DECIDED = 'adaptation';

/**
 * Reports on a plan that was decided on before: all strategies are there to compare it with, over the links as it finds them.
 *
 * @param options.decided - over the tiers of `situation`
 * @returns undefined when the plan is not allowed, or no longer
 */
export function reportOn(
  model: LoadedModel,
  situation: Situation,
  { goal, decided }: { readonly goal: Goal; readonly decided: Assignment },
): ChosenPlan | undefined {
  if (decided.length !== model.manifest.layers.length) return undefined;
  const problem = problemFor(model, situation, { goal, fittedTo: decided });
  const graph = prepareGraph(problem);
  if (planViolation(problem, decided, graph) !== null) return undefined;
  const report = planProblem(problem, { graph });
  const isIt = (result: StrategyResult | undefined) =>
    result !== undefined && isPlan(result) && result.tierOf.join() === decided.join();
  if (isIt(report.strategies[report.chosen])) return { report, tierOf: decided };
  const found = Object.entries(report.strategies).find(([, result]) => isIt(result));
  const [chosen, plan] = found ?? [DECIDED, evaluate(problem, decided, graph)];
  const strategies = { ...report.strategies, [chosen]: plan };
  const explained = explain(problem, { strategies, chosen, graph });
  return { report: { problem, strategies, chosen, explain: explained }, tierOf: decided };
}

/**
 * The planning problem of now, its links fitted to what an assignment sends.
 *
 * @param fittedTo - over the tiers of `situation`
 */
export function problemFor(
  model: LoadedModel,
  situation: Situation,
  { goal, fittedTo }: { readonly goal: Goal; readonly fittedTo: Assignment },
): Problem {
  const problem = problemOf(model, situation, goal);
  const bytes = planBytes(problem, fittedTo);
  const hops = problem.hops.map((hop, index) => situation.fits[index]?.(bytes[index] ?? NO_BYTES) ?? hop);
  return { ...problem, hops };
}

const NO_BYTES: PlanBytes = { up: 0, down: 0 };

function choose(problem: Problem): ChosenPlan {
  const report = planProblem(problem);
  const plan = report.strategies[report.chosen];
  if (plan === undefined || !isPlan(plan)) {
    throw clientError('CLIENT_PLAN_INFEASIBLE', { reason: report.explain.sentence });
  }
  return { report, tierOf: plan.tierOf };
}

function problemOf(model: LoadedModel, situation: Omit<Situation, 'fits'>, goal: Goal): Problem {
  const { away, memoryBytes } = situation;
  const codedBytes = new Map([...pictureBytes(model.sidecar), ...situation.codedBytes]);
  const alone = situation.profiles.length === 1;
  const [device] = situation.profiles;
  const known = alone && device !== undefined ? [device, { ...device, tier: 'edge' }] : situation.profiles;
  const profiles = goal.objective === 'throughput' ? known.map(unqueued) : known;
  const links = alone ? [NO_LINK] : situation.links;
  const unavailable = [...new Set([...(goal.constraints.unavailable ?? []), ...away, ...(alone ? ['edge'] : [])])];
  // A cap that cannot bind would only make planning slower.
  const caps = model.manifest.totalWeightBytes > memoryBytes ? [memoryBytes, ...links.map(() => null)] : undefined;
  const constraints = {
    ...(caps !== undefined && { memoryBytes: caps }),
    ...goal.constraints,
    ...(unavailable.length > 0 && { unavailable }),
  };
  return buildProblem({
    graph: model.manifest,
    profiles,
    links,
    objective: goal.objective,
    constraints,
    codedBytes,
  });
}

/** A stream waits for workers that it keeps busy itself: its rate is theirs, whoever waits. */
function unqueued(profile: TierProfile): TierProfile {
  return profile.load === undefined ? profile : { ...profile, load: { ...profile.load, queueMs: 0 } };
}

/** What a plan sends over each hop per request. */
function planBytes(problem: Problem, tierOf: Assignment): readonly PlanBytes[] {
  const { boundaries } = segmentsOf(problem, tierOf, problem.tiers.length);
  const madeAt = new Map(
    problem.layers.flatMap(({ outputs }, layer) => outputs.map((name) => [name, tierOf[layer] ?? 0])),
  );
  return problem.hops.map((_, hop) => {
    const crossing = new Set(boundaries[hop]);
    const up = problem.tensors.filter(({ name }) => crossing.has(name));
    const down = problem.tensors.filter(({ name, isOutput }) => isOutput && (madeAt.get(name) ?? 0) > hop);
    return {
      up: up.reduce((bytes, { codedBytes }) => bytes + (codedBytes[hop] ?? 0), 0),
      down: down.reduce((bytes, tensor) => bytes + tensor.bytes, 0),
    };
  });
}
