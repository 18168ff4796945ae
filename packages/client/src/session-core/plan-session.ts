import { type Constraints, isPlan, type Objective, type PlanReport, planProblem } from '@d3/partition';
import { buildProblem, type LinkEstimate, type TierProfile } from '@d3/profile';
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
  /** Device first. */
  readonly profiles: readonly TierProfile[];
  readonly links: readonly LinkEstimate[];
  /** Whether the tiers past the device can be reached now. */
  readonly reachable: boolean;
  /** Coded sizes that earlier requests had, by tensor name. */
  readonly codedBytes: ReadonlyMap<string, number>;
}

/** A feasible plan. */
export interface ChosenPlan {
  readonly report: PlanReport;
  readonly tierOf: readonly number[];
}

/** A planning problem has two tiers at least: a device alone has beside it an edge that is unavailable. */
const NO_LINK: LinkEstimate = { upBytesPerMs: 1, downBytesPerMs: 1, delayMs: 0 };

/**
 * Plans a model over what is there.
 *
 * @throws D3Error `CLIENT_PLAN_INFEASIBLE`; `PARTITION_PROBLEM_INVALID` for constraints that name what does not exist
 */
export function planSession(model: LoadedModel, situation: Situation, goal: Goal): ChosenPlan {
  const problem = buildProblem({ graph: model.manifest, ...problemSources(model, situation, goal) });
  const report = planProblem(problem);
  const plan = report.strategies[report.chosen];
  if (plan === undefined || !isPlan(plan)) {
    throw clientError('CLIENT_PLAN_INFEASIBLE', { reason: report.explain.sentence });
  }
  return { report, tierOf: plan.tierOf };
}

function problemSources(model: LoadedModel, situation: Situation, { objective, constraints }: Goal) {
  const codedBytes = new Map([...situation.codedBytes, ...pictureBytes(model.sidecar)]);
  const { profiles, links, reachable } = situation;
  if (reachable) return { profiles, links, objective, constraints, codedBytes };
  const device = profiles.slice(0, 1);
  const others = profiles.length > 1 ? profiles.slice(1) : device.map((profile) => ({ ...profile, tier: 'edge' }));
  const gone = others.map((profile) => profile.tier);
  return {
    profiles: [...device, ...others],
    links: links.length > 0 ? links : [NO_LINK],
    objective,
    constraints: { ...constraints, unavailable: [...new Set([...(constraints.unavailable ?? []), ...gone])] },
    codedBytes,
  };
}
