import type { AdaptationOptions } from '@d3/client/adaptation';
import { type PreparedGraph, prepareGraph } from '@d3/partition';
import { type AdaptiveResult, AdaptiveRun, buildMs } from './adaptive-run.ts';
import { runFixed, runHindsight } from './fixed-runs.ts';
import { type CellCosts, cellProblem, type Subject } from './network-costs.ts';
import { candidatePlans } from './plan-costs.ts';
import type { LinkTimeline } from './simulated-link.ts';

/** One network in one situation over one history. */
export interface Cell extends CellCosts {
  readonly subject: Subject;
  readonly timeline: LinkTimeline;
}

/** How an adapting session did, against what hindsight knows. Total times of the same number of requests. */
export interface CellResult {
  readonly requests: number;
  readonly adaptiveMs: number;
  readonly bestFixedMs: number;
  /** Which plan that is. */
  readonly bestFixed: string;
  readonly hindsightMs: number;
  readonly adaptive: AdaptiveResult;
}

/**
 * Plays a cell: the history once to an adapting session, one request after the other, then as many requests to every fixed split;
 * slower ones see the history's beginning again.
 */
export function measureCell(cell: Cell, policy: AdaptationOptions = {}): CellResult {
  const { subject, timeline } = cell;
  const problem = cellProblem(subject.graph, cell);
  const graph: PreparedGraph = prepareGraph(problem);
  const plans = candidatePlans(problem, graph);
  const adaptive = new AdaptiveRun({ problem, graph, timeline, policy, forMs: timeline.history.lengthMs }).run();
  const { requests, startMs: fromMs } = adaptive;
  const fixed = plans
    .map((plan) => ({ plan, ms: runFixed(plan, timeline, { fromMs, requests }).endMs - fromMs }))
    .sort((a, b) => a.ms - b.ms);
  const [best] = fixed;
  if (best === undefined) throw new RangeError('A problem without plans');
  const hindsight = runHindsight(plans, timeline, { fromMs, requests, switchMs: buildMs });
  return {
    requests,
    adaptiveMs: adaptive.endMs - adaptive.startMs,
    bestFixedMs: best.ms,
    bestFixed: best.plan.label,
    hindsightMs: hindsight.endMs - fromMs,
    adaptive,
  };
}
