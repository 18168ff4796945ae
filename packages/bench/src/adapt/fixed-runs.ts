import type { PlanCosts } from './plan-costs.ts';
import { type LinkTimeline, SimulatedFlow } from './simulated-link.ts';

/** Largest message of a frame; a frame of 16 kB and more goes in at least four. */
const MESSAGE_BYTES = 1 << 16;
const LEAST_MESSAGES = 4;
const IN_MESSAGES_FROM = 1 << 14;

/** One connection's two directions. */
export interface Connection {
  readonly up: SimulatedFlow;
  readonly down: SimulatedFlow;
}

/** A fresh connection over a link. */
export function openConnection(timeline: LinkTimeline): Connection {
  return { up: new SimulatedFlow(timeline, 'up'), down: new SimulatedFlow(timeline, 'down') };
}

/** Byte counts at which the messages of a frame end. */
export function messageMarks(bytes: number): number[] {
  const most = bytes >= IN_MESSAGES_FROM ? Math.min(MESSAGE_BYTES, Math.ceil(bytes / LEAST_MESSAGES)) : bytes;
  const marks: number[] = [];
  for (let mark = Math.min(most, bytes); mark < bytes; mark += most) marks.push(mark);
  return [...marks, bytes];
}

/** When a request that begins at `startMs` ends. */
export function requestEndMs(plan: PlanCosts, { up, down }: Connection, startMs: number): number {
  const cutMs = startMs + plan.deviceMs;
  if (plan.upBytes === 0) return cutMs;
  const [arrivedMs = Number.POSITIVE_INFINITY] = up.send(cutMs, [plan.upBytes]);
  const [endMs = Number.POSITIVE_INFINITY] = down.send(arrivedMs + plan.remoteMs, [plan.downBytes]);
  return endMs;
}

/** Runs requests one after the other on one plan. */
export function runFixed(
  plan: PlanCosts,
  timeline: LinkTimeline,
  span: { readonly fromMs: number; readonly untilMs?: number; readonly requests?: number },
): { readonly requests: number; readonly endMs: number } {
  const { fromMs, untilMs = Number.POSITIVE_INFINITY, requests: most = Number.POSITIVE_INFINITY } = span;
  const connection = openConnection(timeline);
  let [nowMs, requests] = [fromMs, 0];
  while (requests < most && nowMs < untilMs) {
    nowMs = requestEndMs(plan, connection, nowMs);
    requests += 1;
  }
  return { requests, endMs: nowMs };
}

/**
 * The least time for so many requests when plans may be switched between any two of them and the future is known: the earliest
 * moment at which each plan can have finished k requests, for k = 1, 2, … (an earlier start never ends later).
 *
 * @param switchMs - what a switch to a plan delays the next request by
 */
export function runHindsight(
  plans: readonly PlanCosts[],
  timeline: LinkTimeline,
  options: { readonly fromMs: number; readonly requests: number; readonly switchMs: (plan: PlanCosts) => number },
): { readonly endMs: number } {
  const { fromMs, requests, switchMs } = options;
  let states = plans.map(() => ({ endMs: fromMs, connection: openConnection(timeline) }));
  for (let request = 0; request < requests; request++) {
    const best = states.reduce((least, state) => (state.endMs < least.endMs ? state : least));
    const before = states;
    states = plans.map((plan, index) => {
      const stay = before[index] ?? best;
      const come = { ...best, endMs: best.endMs + (request === 0 ? 0 : switchMs(plan)) };
      const ends = (stay.endMs <= come.endMs && plan.upBytes === 0 ? [stay] : [stay, come]).map((from) => {
        const connection = { up: from.connection.up.clone(), down: from.connection.down.clone() };
        return { endMs: requestEndMs(plan, connection, from.endMs), connection };
      });
      return ends.reduce((least, end) => (end.endMs < least.endMs ? end : least));
    });
  }
  return { endMs: Math.min(...states.map(({ endMs }) => endMs)) };
}
