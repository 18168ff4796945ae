/**
 * When a session leaves its plan for another: the decision alone, without timers, sockets or clocks.
 *
 * @packageDocumentation
 */
export { AdaptationPolicy } from './adaptation-policy.ts';
export { expectedLink, type LinkOutlook, type PendingTransfer, stalledMs } from './expected-link.ts';
export { isOverdue, type Waiting } from './is-overdue.ts';
export type { AdaptationOptions, Beliefs, Declined, Obstacle, SwitchCost, SwitchTo, Verdict } from './verdict.ts';
