import type { Assignment, Plan, Problem } from '@d3/partition';

/** When a switch is worth it. */
export interface AdaptationOptions {
  /** Share of a request's time that a switch must win. Default 0.15. */
  readonly minGain?: number;
  /** How many looks in a row must find that gain. Default 2. */
  readonly confirmations?: number;
  /** Least time between two switches that are not forced. Default 5000. */
  readonly dwellMs?: number;
  /** How long a new plan is expected to stay right: its gain over that time is set against the switch's cost. Default 60 000. */
  readonly horizonMs?: number;
  /**
   * Weight, 0 to 1, of what plans take now against what they took over the last minute, on a link that was seen to come
   * and go: it comes back. Default 0.7.
   */
  readonly trust?: number;
}

/** What a switch to an assignment takes. */
export interface SwitchCost {
  /** Weights to fetch that are nowhere on the device yet. */
  readonly bytes: number;
  /** Time for which preparing it slows requests down: fetching on a link that they share, building sessions. */
  readonly ms: number;
}

/** What is believed now. */
export interface Beliefs {
  /** On any clock that only goes forward; the same one for every call. */
  readonly nowMs: number;
  /** Over the policy's graph, with the costs of now. */
  readonly problem: Problem;
  /**
   * The same, with links fitted to what an assignment sends; TCP's ramp makes short transfers slower. Plan and fit then alternate,
   * three times at most. Default: `problem` for every assignment.
   */
  readonly problemFor?: (tierOf: Assignment) => Problem;
  /** The live plan's assignment, over the tiers of `problem`. */
  readonly current: Assignment;
  /** How many requests come. 0 for an idle session. */
  readonly requestsPerSecond: number;
  /** Of a switch from `current` to another assignment. */
  readonly switchCost: (tierOf: Assignment) => SwitchCost;
  /** A tier or a link was lost, in words: switch at once. */
  readonly forced?: string;
}

/** What stands against a switch. */
export type Obstacle = 'gain' | 'confirmation' | 'dwell' | 'cost';

/** A plan that is better in theory, and why the session stays where it is. */
export interface Declined {
  readonly kind: 'declined';
  /** Equal for verdicts that say the same with other numbers. */
  readonly obstacle: Obstacle;
  /** In words, with numbers. */
  readonly reason: string;
  readonly tierOf: Assignment;
  /** Per request, in terms of the objective. */
  readonly predictedGainMs: number;
  /** Weights that a switch would fetch. */
  readonly bytes: number;
  /** Look again after so long even if nothing else changes; absent: only a change can help. */
  readonly againInMs?: number;
}

/** A plan to go over to. */
export interface SwitchTo {
  readonly kind: 'switch';
  /** What happened, in words. */
  readonly reason: string;
  readonly tierOf: Assignment;
  readonly plan: Plan;
  /** Per request, in terms of the objective; 0 when the plan before can no longer run. */
  readonly predictedGainMs: number;
  /** Weights to fetch. */
  readonly bytes: number;
}

/** What to do. `infeasible`: the plan cannot go on and no other one respects the constraints. */
export type Verdict =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'infeasible'; readonly reason: string }
  | Declined
  | SwitchTo;
