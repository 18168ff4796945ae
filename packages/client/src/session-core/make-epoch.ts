import { segmentsOf } from '@d3/partition';
import type { Backend, SessionCache, SessionLease } from '@d3/runtime';
import { Epoch } from './epoch.ts';
import { fetchSegment, segmentId } from './fetch-segment.ts';
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
  const [segment, proposal] = await Promise.allSettled([
    leaseSegment(request, segmentation.segments[0]?.layers ?? []),
    uplink && propose(request, uplink),
  ]);
  const failed = [proposal, segment].find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined || segment.status === 'rejected') {
    if (segment.status === 'fulfilled') segment.value?.release();
    if (uplink !== undefined) release(uplink, number);
    throw failed?.reason;
  }
  bar.enter('ready');
  const parts = { number, ...plan, segmentation, backend, uplink, segment: segment.value };
  const epoch: Epoch = new Epoch(parts, () => {
    if (uplink !== undefined) release(uplink, number);
    request.onRelease(epoch);
  });
  return epoch;
}

async function leaseSegment(request: EpochRequest, layers: readonly number[]): Promise<SessionLease | undefined> {
  const { model, backend, plan, segments, bar, signal } = request;
  if (layers.length === 0) {
    bar.enter('warm-up');
    return undefined;
  }
  const id = await segmentId(model, backend, plan.tierOf);
  const progress = {
    expectBytes: (bytes: number) => {
      bar.enter('weights');
      bar.expectBytes(bytes);
    },
    count: (bytes: number, cached: boolean) => bar.addBytes(bytes, cached),
    loaded: () => bar.enter('warm-up'),
  };
  return await segments.lend(id, () => fetchSegment(model, { id, layers, progress, signal }), { signal });
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
