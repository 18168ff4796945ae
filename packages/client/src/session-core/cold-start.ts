import { isD3Error } from '@d3/errors';
import type { Constraints } from '@d3/partition';
import type { BlobCache } from './host.ts';
import type { LivePlan } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';
import { planSession } from './plan-session.ts';
import type { ProgressBar } from './progress-bar.ts';
import { Retrier } from './retrier.ts';

/** What a start without the device takes. */
export interface ColdStartOptions {
  /** Name of the device's tier. */
  readonly device: string;
  /** Where weights are kept between sessions. */
  readonly cache: BlobCache;
  readonly bar: ProgressBar;
  readonly signal: AbortSignal | undefined;
}

/**
 * Has the other tiers answer alone while the device gets its weights, if that is worth it and can be.
 *
 * @returns whether a plan is live
 * @throws D3Error as `LivePlan.switchTo()`; the signal's reason when aborted
 */
export async function startWithoutDevice(plan: LivePlan, options: ColdStartOptions): Promise<boolean> {
  const { device, cache, bar, signal } = options;
  const { model, goal, situation } = plan;
  if (mustHold(goal.constraints, device)) return false;
  const { tierOf } = planSession(model, situation, goal);
  const layers = tierOf.flatMap((tier, layer) => (tier === 0 ? [layer] : []));
  if ((await missingBytes(model, cache, layers)) === 0) return false;
  try {
    const reason = 'connected; the device is getting its weights';
    await plan.switchTo({ reason, bar, signal, withoutDevice: true });
    return true;
  } catch (error) {
    if (isD3Error(error, 'CLIENT_PLAN_INFEASIBLE')) return false;
    throw error;
  }
}

/**
 * Has the device join a plan that was made without it; tries until it has.
 *
 * @param device - name of its tier
 * @param ending - aborted when the session ends
 */
export function bringDevice(plan: LivePlan, device: string, ending: AbortSignal): void {
  const retrier = new Retrier(async () => {
    if (plan.epoch.parts.report.problem.constraints.unavailable?.includes(device) !== true) return;
    // Another switch may go first, or the weights cannot be had just now.
    await plan.switchTo({ reason: 'the device is ready', background: true });
  }, ending);
  retrier.start();
  retrier.hurry();
}

/** Whether some layers must be on a tier, so that nothing can be answered without it. */
function mustHold({ keepOnDevice, pin = {} }: Constraints, tier: string): boolean {
  return keepOnDevice !== undefined || Object.values(pin).includes(tier);
}

/** Bytes of the weights of some layers that are neither here nor in the cache. */
async function missingBytes(
  { manifest, store }: LoadedModel,
  cache: BlobCache,
  layers: readonly number[],
): Promise<number> {
  const wanted = new Map(
    layers.flatMap((index) => manifest.layers[index]?.weights ?? []).map(({ id, bytes }) => [id, bytes]),
  );
  let missing = 0;
  for (const weight of manifest.weights.filter(({ id }) => wanted.has(id) && !store.holds(id))) {
    if (!(await cache.has(weight.id))) missing += weight.bytes;
  }
  return missing;
}
