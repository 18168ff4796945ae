import type { ManifestTensor } from '@d3/onnx';
import type { ExpectedTensor, Proposal, Ready } from '@d3/protocol';
import type { SidecarInput } from '@d3/runtime';
import type { Executor, PreparedSegment } from '../executor/executor.ts';
import type { ModelStore } from '../model-store/model-store.ts';
import { pixelShapes } from '../model-store/picture-inputs.ts';
import type { NextTier } from '../upstream/next-tier.ts';
import { type EpochPlan, expectedTensors, planEpoch } from './epoch.ts';
import { isLoss } from './loss.ts';
import { StandIn } from './stand-in.ts';

/** What preparing an epoch needs. */
export interface EpochServices {
  readonly tier: string;
  readonly store: ModelStore;
  readonly executor: Executor;
  readonly nextTier: NextTier;
  /** Whether the layers behind may run here when the tier behind is lost. */
  readonly standsIn: boolean;
}

/** An epoch that is warm on this tier and all behind it. */
export interface PreparedEpoch {
  readonly proposal: Proposal;
  readonly plan: EpochPlan;
  /** Absent where this tier holds no layer. */
  readonly own: PreparedSegment | undefined;
  /** Names of the network's outputs. */
  readonly outputs: readonly string[];
  readonly expected: readonly ExpectedTensor[];
  /** Network inputs that may come as pictures. */
  readonly pictures: ReadonlyMap<string, SidecarInput>;
  /** For the layers behind; absent where there are none, or where losing them is to fail. */
  readonly standIn: StandIn | undefined;
  readonly ready: Ready;
}

/**
 * Prepares an epoch here and, if layers lie behind, there; both at once. A tier behind that is lost is stood in for.
 *
 * @throws D3Error the first that stood in the way; nothing stays prepared then
 */
export async function prepareEpoch(proposal: Proposal, services: EpochServices): Promise<PreparedEpoch> {
  const { tier, store, executor, nextTier } = services;
  const startedMs = performance.now();
  const model = await store.findHeld(proposal.model);
  const plan = planEpoch(proposal, model.manifest, tier);
  const pictures = await store.pictureInputs(model);
  const here = plan.layers.length === 0 ? undefined : executor.prepare(model, plan.layers);
  const standIn =
    plan.continues && services.standsIn ? new StandIn({ executor, model, layers: plan.behind, pictures }) : undefined;
  const there = plan.continues ? prepareBehind(proposal, nextTier, standIn) : undefined;
  const [own, behind] = await Promise.allSettled([here, there]);
  const failed = [own, behind].find((outcome) => outcome.status === 'rejected');
  if (own.status === 'rejected' || behind.status === 'rejected') {
    if (own.status === 'fulfilled') own.value?.release();
    if (behind.status === 'fulfilled' && behind.value !== undefined) nextTier.release(proposal.epoch);
    throw failed?.status === 'rejected' ? failed.reason : undefined;
  }
  const preparedMs = { [tier]: performance.now() - startedMs, ...behind.value?.preparedMs };
  return {
    proposal,
    plan,
    own: own.value,
    outputs: outputNames(model.manifest.tensors),
    expected: expectedTensors(plan.incoming, pixelShapes(pictures)),
    pictures,
    standIn,
    ready: { epoch: proposal.epoch, preparedMs },
  };
}

/** Ready on the tiers behind; or here, if those are lost. */
async function prepareBehind(proposal: Proposal, nextTier: NextTier, standIn: StandIn | undefined): Promise<Ready> {
  const { epoch } = proposal;
  if (standIn === undefined || standIn.obstacle !== undefined) return (await nextTier.ready(proposal)).ready;
  try {
    // One that is known to be gone may be long in saying so.
    if (!nextTier.away) return (await nextTier.ready(proposal)).ready;
  } catch (error) {
    if (!isLoss(error)) throw error;
  }
  (await standIn.lend()).release();
  return { epoch, preparedMs: {} };
}

function outputNames(tensors: readonly ManifestTensor[]): readonly string[] {
  return tensors.filter(({ isOutput }) => isOutput).map(({ name }) => name);
}
