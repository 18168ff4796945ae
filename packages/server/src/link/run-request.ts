import type { AssembledFrame, HopTiming, LinkResult, SegmentTiming, TensorCodec } from '@d3/protocol';
import { abortable, normalise } from '@d3/runtime';
import type { Tensor, TensorMap } from '@d3/tensor';
import type { Executor } from '../executor/executor.ts';
import type { NextTier } from '../upstream/next-tier.ts';
import type { PreparedEpoch } from './prepared-epoch.ts';

/** What a request needs besides its tensors. */
export interface RequestServices {
  readonly tier: string;
  readonly executor: Executor;
  readonly nextTier: NextTier;
}

/** Network outputs made at this tier and behind it, and how long everything took. */
export interface RequestOutcome {
  readonly outputs: TensorMap;
  readonly segments: readonly SegmentTiming[];
  readonly hops: readonly HopTiming[];
}

/**
 * Runs this tier's segment on a frame and has the tiers behind finish.
 *
 * @param limits.signal - aborts with the error that the request is to fail with
 * @throws D3Error of the tier that failed; the signal's reason when aborted
 */
export async function runRequest(
  services: RequestServices,
  epoch: PreparedEpoch,
  frame: AssembledFrame,
  limits: { readonly signal: AbortSignal; readonly endsMs: number | undefined },
): Promise<RequestOutcome> {
  const { own, plan, outputs: networkOutputs } = epoch;
  const pixels = pixelNames(frame);
  const tensors: Record<string, Tensor> = { ...frame.tensors };
  const segments: SegmentTiming[] = [];
  let made: TensorMap = {};
  if (own !== undefined) {
    const inputs = own.model.inputs.map(({ name }): [string, Tensor] => [
      name,
      inputTensor(name, { epoch, tensors, pixels }),
    ]);
    const run = await services.executor.run(own, Object.fromEntries(inputs), limits.signal);
    made = run.outputs;
    segments.push(run.timing);
  }
  const mine = pick(made, networkOutputs);
  if (!plan.continues) return { outputs: mine, segments, hops: [] };
  const upward = pick({ ...tensors, ...made }, plan.upward);
  const result = await finishBehind(services, { epoch, upward, pixels, request: frame.header.request }, limits);
  return { outputs: { ...mine, ...result.outputs }, segments: [...segments, ...result.segments], hops: result.hops };
}

async function finishBehind(
  services: RequestServices,
  work: { epoch: PreparedEpoch; upward: TensorMap; pixels: ReadonlySet<string>; request: number },
  limits: { readonly signal: AbortSignal; readonly endsMs: number | undefined },
): Promise<LinkResult> {
  const { proposal } = work.epoch;
  const { endsMs, signal } = limits;
  // A lost upstream is connected to, and prepares, anew: that may take longer than the request is waited for.
  const { link } = await abortable(services.nextTier.ready(proposal), signal);
  const codecs: Record<string, TensorCodec> = {};
  for (const name of work.pixels) codecs[name] = 'pixels';
  const deadline = endsMs === undefined ? {} : { deadlineMs: Math.max(1, endsMs - performance.now()) };
  const { request, upward } = work;
  try {
    const result = await link.infer({ request, epoch: proposal.epoch, tensors: upward, codecs, signal, ...deadline });
    return { ...result, hops: nameHop(result.hops, hopName(work.epoch, services.tier)) };
  } catch (error) {
    throw services.nextTier.explain(error);
  }
}

/** `edge-cloud`, say: this tier and the one after it in the plan. */
export function hopName({ proposal }: PreparedEpoch, tier: string): string {
  return `${tier}-${proposal.tiers[proposal.tiers.indexOf(tier) + 1] ?? 'upstream'}`;
}

function nameHop(hops: readonly HopTiming[], hop: string): readonly HopTiming[] {
  return hops.map((timing, index) => (index === 0 ? { ...timing, hop } : timing));
}

function inputTensor(
  name: string,
  from: { epoch: PreparedEpoch; tensors: TensorMap; pixels: ReadonlySet<string> },
): Tensor {
  const tensor = from.tensors[name];
  if (tensor === undefined) throw new TypeError(`Segment input '${name}' is not in its frame`);
  const picture = from.pixels.has(name) ? from.epoch.pictures.get(name) : undefined;
  return picture === undefined ? tensor : normalise(tensor, picture);
}

function pixelNames({ header }: AssembledFrame): ReadonlySet<string> {
  return new Set(header.tensors.filter(({ codec }) => codec === 'pixels').map(({ name }) => name));
}

function pick(tensors: TensorMap, names: readonly string[]): TensorMap {
  return Object.fromEntries(
    names.flatMap((name): [string, Tensor][] => {
      const tensor = tensors[name];
      return tensor === undefined ? [] : [[name, tensor]];
    }),
  );
}
