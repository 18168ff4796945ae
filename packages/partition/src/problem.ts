/** A weight of a layer. Two layers that name the same `id` share it, and a tier that holds both stores it once. */
export interface WeightRef {
  /** Content address, unique within the model. */
  readonly id: string;
  readonly bytes: number;
}

/** The planner's unit: one ONNX node, or a group that is never separated. */
export interface Layer {
  readonly name: string;
  /** Operator kind, e.g. `Conv`; for a group that of its main operator. */
  readonly kind: string;
  readonly flops: number;
  /** All weights of the layer, shared ones included. */
  readonly weightBytes: number;
  /** Names of the tensors it reads; weights are not among them. */
  readonly inputs: readonly string[];
  /** Names of the tensors it writes. */
  readonly outputs: readonly string[];
  /** The weights one by one; without it the layer shares none. */
  readonly weights?: readonly WeightRef[];
}

/** A value between layers, a network input or a network output. */
export interface GraphTensor {
  readonly name: string;
  /** Size, uncoded. */
  readonly bytes: number;
  readonly isInput: boolean;
  readonly isOutput: boolean;
}

/** A network as the planner sees it: layers in topological order, every tensor that any of them reads or writes. */
export interface LayerGraph {
  readonly layers: readonly Layer[];
  readonly tensors: readonly GraphTensor[];
}

/** A layer with its cost. */
export interface ProblemLayer extends Layer {
  /** Time on each tier, in the order of `tiers`. */
  readonly computeMs: readonly number[];
}

/** A tensor with its size on each hop. */
export interface ProblemTensor extends GraphTensor {
  /** Bytes that cross hop k when this tensor does, after coding. */
  readonly codedBytes: readonly number[];
}

/** The link from tier k to tier k + 1. */
export interface Hop {
  readonly upBytesPerMs: number;
  readonly downBytesPerMs: number;
  /** One way, each way. */
  readonly delayMs: number;
}

/** `latency`: one request in flight. `throughput`: a stream, as fast as its slowest stage. */
export type Objective = 'latency' | 'throughput';

/** What a plan must respect. */
export interface Constraints {
  /** No layer that reads a network input, and none of the first N (≥ 1), leaves the first tier. */
  readonly keepOnDevice?: number;
  /** Layer name → tier name. */
  readonly pin?: Readonly<Record<string, string>>;
  /** Cap on the weights of each tier; `null` means none. */
  readonly memoryBytes?: readonly (number | null)[];
  /** Names of tiers that hold no layer; they may still relay. */
  readonly unavailable?: readonly string[];
}

/**
 * A planning problem, complete: what `d3 plan --json` prints and `--costs` reads back. The rules that give a plan its
 * cost are numbered in SPEC.md.
 */
export interface Problem {
  /** Names, nearest the user first; at least two. */
  readonly tiers: readonly string[];
  /** Requests a tier can work on at once. */
  readonly concurrency: readonly number[];
  /** Cost per request of every tier that holds a layer. */
  readonly tierFixedMs: readonly number[];
  /** Topological. */
  readonly layers: readonly ProblemLayer[];
  readonly tensors: readonly ProblemTensor[];
  /** One fewer than tiers. */
  readonly hops: readonly Hop[];
  readonly objective: Objective;
  readonly constraints: Constraints;
}

/** Tier index of each layer, never decreasing along an edge of the graph. */
export type Assignment = readonly number[];

/** Where the predicted time goes. */
export interface Breakdown {
  readonly computeMs: readonly number[];
  readonly transferMs: readonly number[];
  readonly fixedMs: number;
  readonly returnMs: number;
}

/** An assignment with its predicted times. */
export interface Plan {
  readonly tierOf: Assignment;
  readonly latencyMs: number;
  readonly slowestStageMs: number;
  /** Proven lower bound of the objective over all valid plans; equals it where the strategy is exact. 0 if none is proven. */
  readonly boundMs: number;
  readonly breakdown: Breakdown;
}

/** Why a strategy has no plan. */
export interface Infeasible {
  readonly infeasible: string;
}

/** A strategy's answer. */
export type StrategyResult = Plan | Infeasible;

/** Why this plan and not another, as data and as a sentence. */
export interface Explanation {
  /** Plain words, e.g. "Splitting gains nothing here: the edge alone takes 12 ms, and …". */
  readonly sentence: string;
  /** The best plan of another shape, by strategy name. */
  readonly runnerUp: { readonly strategy: string; readonly objectiveMs: number } | null;
  /** What limits this plan. */
  readonly binding: { readonly kind: 'link' | 'tier' | 'constraint'; readonly name: string } | null;
  /** At which value of one quantity the answer would change. */
  readonly turningPoints: readonly {
    readonly quantity: string;
    readonly now: number;
    readonly at: number;
    readonly unit: string;
    readonly then: string;
  }[];
}

/** All strategies on one problem, the winner, and why. */
export interface PlanReport {
  readonly problem: Problem;
  readonly strategies: Readonly<Record<string, StrategyResult>>;
  /** Name of the strategy whose plan is used. */
  readonly chosen: string;
  readonly explain: Explanation;
}
