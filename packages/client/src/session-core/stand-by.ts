import type { EventHub } from './event-hub.ts';
import type { LivePlan } from './live-plan.ts';
import { Standby } from './standby.ts';

/** What {@link standBy} needs of a session. */
export interface StandByParts {
  readonly plan: LivePlan;
  readonly hub: EventHub;
  /** Weights that the device may hold. */
  readonly memoryBytes: number;
  /** How many requests run now. */
  readonly running: () => number;
  /** Aborted when the session ends. */
  readonly ending: AbortSignal;
}

/** Has the device get ready to go on alone for as long as a session lives: for every plan, and every version of its model. */
export function standBy({ plan, hub, memoryBytes, running, ending }: StandByParts): void {
  const busy = () => running() > 0 || plan.switching;
  const prepare = (signal: AbortSignal) => plan.prepareAlone(signal);
  const follow = () => {
    const { model } = plan;
    const standby = new Standby({ model, memoryBytes, busy, prepare, ending });
    const stop = hub.on('plan', () => (plan.model === model ? standby.wake() : stop()));
    standby.wake();
  };
  follow();
  hub.on('model', follow);
}
