import { segmentsOf } from '@d3/partition';
import type { Backend, SessionCache } from '@d3/runtime';
import type { DeviceStage } from './device-stage.ts';
import { Epoch } from './epoch.ts';
import { fetchSegment, type SegmentProgress, segmentId } from './fetch-segment.ts';
import type { LoadedModel } from './load-model.ts';
import type { ChosenPlan } from './plan-session.ts';
import type { ProgressBar } from './progress-bar.ts';
import type { Uplink } from './uplink.ts';

/** What an epoch is made from. */
export interface EpochRequest {
  readonly number: number;
  readonly plan: ChosenPlan;
  readonly model: LoadedModel;
  readonly backend: Backend;
  readonly uplink: Uplink | undefined;
  /** Of `backend`. */
  readonly segments: SessionCache;
  /**
   * Layers that the device has prepared already, stage by stage: where they are a beginning of the plan's own, only the rest is
   * prepared. Default none: one segment.
   */
  readonly onto?: readonly (readonly number[])[];
  readonly bar: ProgressBar;
  readonly signal: AbortSignal;
  readonly onRelease: (epoch: Epoch) => void;
}

/** A peer may have to fetch the model and have the next tier prepare first. */
const PREPARE_TIMEOUT_MS = 120_000;

/**
 * Proposes a plan to the edge and prepares the device's own segment meanwhile.
 *
 * @returns an epoch that is warm on every tier; nothing of it is left anywhere if it fails
 * @throws D3Error what any tier says; the signal's reason when aborted
 */
export async function makeEpoch(request: EpochRequest): Promise<Epoch> {
  const { number, plan, model, backend, bar } = request;
  const { problem } = plan.report;
  const segmentation = segmentsOf(model.manifest, plan.tierOf, problem.tiers.length);
  const uplink = plan.tierOf.some((tier) => tier > 0) ? request.uplink : undefined;
  const [stages, proposal] = await Promise.allSettled([
    leaseStages(request, stagesOf(segmentation.segments[0]?.layers ?? [], request.onto ?? [])),
    uplink && propose(request, uplink),
  ]);
  const failed = [proposal, stages].find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined || stages.status === 'rejected') {
    if (stages.status === 'fulfilled') for (const { lease } of stages.value) lease.release();
    if (uplink !== undefined) release(uplink, number);
    throw failed?.reason;
  }
  bar.enter('ready');
  const parts = { number, model, ...plan, segmentation, backend, uplink, stages: stages.value };
  const epoch: Epoch = new Epoch(parts, () => {
    if (uplink !== undefined) release(uplink, number);
    request.onRelease(epoch);
  });
  return epoch;
}

/** The stages of `onto` and the rest, where those are a beginning of `layers`; else `layers` as one. */
export function stagesOf(
  layers: readonly number[],
  onto: readonly (readonly number[])[],
): readonly (readonly number[])[] {
  if (layers.length === 0) return [];
  const wanted = new Set(layers);
  const before = onto.flat();
  if (before.length === 0 || !before.every((layer) => wanted.has(layer))) return [layers];
  const there = new Set(before);
  const rest = layers.filter((layer) => !there.has(layer));
  return rest.length === 0 ? onto : [...onto, rest];
}

async function leaseStages(
  request: EpochRequest,
  stages: readonly (readonly number[])[],
): Promise<readonly DeviceStage[]> {
  const { model, backend, segments, bar, signal } = request;
  const leased: DeviceStage[] = [];
  const progress = progressOn(bar);
  try {
    for (const layers of stages) {
      const id = await segmentId(model, backend, layers);
      const lease = await segments.lend(id, () => fetchSegment(model, { id, layers, progress, signal }), { signal });
      leased.push({ layers, lease });
    }
    bar.enter('warm-up');
    return leased;
  } catch (error) {
    for (const { lease } of leased) lease.release();
    throw error;
  }
}

function progressOn(bar: ProgressBar): SegmentProgress {
  return {
    expectBytes: (bytes) => {
      bar.enter('weights');
      bar.expectBytes(bytes);
    },
    count: (bytes, cached) => bar.addBytes(bytes, cached),
    loaded: () => bar.enter('warm-up'),
  };
}

async function propose({ number, plan, model, signal }: EpochRequest, uplink: Uplink): Promise<void> {
  const { tiers, objective } = plan.report.problem;
  const proposal = { epoch: number, model: model.manifest.hash, tiers, tierOf: plan.tierOf, objective };
  await uplink.client.ask('propose', proposal, { timeoutMs: PREPARE_TIMEOUT_MS, signal });
}

/** Tells the other tiers that an epoch is over. A link that is gone has freed it by itself. */
function release(uplink: Uplink, epoch: number): void {
  uplink.client.ask('release', { epoch }).catch(() => undefined);
}
