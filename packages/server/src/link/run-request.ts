import type { AssembledFrame, HopTiming, SegmentTiming, TensorCodec } from '@d3/protocol';
import { abortable, normalise, type SidecarInput } from '@d3/runtime';
import type { Tensor, TensorMap } from '@d3/tensor';
import type { Executor, PreparedSegment } from '../executor/executor.ts';
import type { NextTier } from '../upstream/next-tier.ts';
import { isLoss } from './loss.ts';
import type { PreparedEpoch } from './prepared-epoch.ts';
import type { StandIn } from './stand-in.ts';

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
  limits: RequestLimits,
): Promise<RequestOutcome> {
  const { own, plan, outputs: networkOutputs } = epoch;
  const pixels = pixelNames(frame);
  const tensors: Record<string, Tensor> = { ...frame.tensors };
  const segments: SegmentTiming[] = [];
  let made: TensorMap = {};
  if (own !== undefined) {
    const inputs = inputsOf(own, { pictures: epoch.pictures, tensors, pixels });
    const run = await services.executor.run(own, inputs, limits.signal);
    made = run.outputs;
    segments.push(run.timing);
  }
  const mine = pick(made, networkOutputs);
  if (!plan.continues) return { outputs: mine, segments, hops: [] };
  const upward = pick({ ...tensors, ...made }, plan.upward);
  const work = { epoch, upward, pixels, request: frame.header.request };
  const result = await finishBehind(services, work, limits);
  return { outputs: { ...mine, ...result.outputs }, segments: [...segments, ...result.segments], hops: result.hops };
}

/** What is left of a request once this tier's own layers have run. */
interface Remainder {
  readonly epoch: PreparedEpoch;
  /** The boundary, kept until the result is there. */
  readonly upward: TensorMap;
  /** Those of it that are pictures. */
  readonly pixels: ReadonlySet<string>;
  readonly request: number;
}

interface RequestLimits {
  readonly signal: AbortSignal;
  readonly endsMs: number | undefined;
}

/** Has the next tier finish; if that is lost, does it here. */
async function finishBehind(
  services: RequestServices,
  work: Remainder,
  limits: RequestLimits,
): Promise<RequestOutcome> {
  const { nextTier } = services;
  const { proposal, standIn } = work.epoch;
  if (standIn === undefined) return await finishThere(services, work, limits);
  if (nextTier.peek(proposal.epoch) === undefined) {
    if (nextTier.away) return await finishHere(services, { ...work, lost: nextTier.lost('it is away') }, limits);
    if (standIn.warm) {
      // It came back: this request does not wait until the epoch is ready there, later ones find it so.
      nextTier.ready(proposal).catch(() => undefined);
      return await runStandIn(services, { ...work, standIn }, limits);
    }
  }
  try {
    return await finishThere(services, work, limits);
  } catch (error) {
    if (limits.signal.aborted || !isLoss(error)) throw error;
    return await finishHere(services, { ...work, lost: error as Error }, limits);
  }
}

async function finishThere(
  services: RequestServices,
  work: Remainder,
  { endsMs, signal }: RequestLimits,
): Promise<RequestOutcome> {
  const { proposal } = work.epoch;
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

/** Prepares the layers behind here, if they are not, and runs them; throws `lost`, with the reason, if that may not be. */
async function finishHere(
  services: RequestServices,
  work: Remainder & { readonly lost: Error },
  limits: RequestLimits,
): Promise<RequestOutcome> {
  const { standIn } = work.epoch;
  if (standIn === undefined) throw work.lost;
  if (standIn.obstacle !== undefined) {
    throw services.nextTier.lost(`${work.lost.message}; the ${services.tier} cannot stand in: ${standIn.obstacle}`);
  }
  return await runStandIn(services, { ...work, standIn }, limits);
}

async function runStandIn(
  services: RequestServices,
  { standIn, upward, pixels, epoch }: Remainder & { readonly standIn: StandIn },
  { signal }: RequestLimits,
): Promise<RequestOutcome> {
  const lending = standIn.lend();
  const segment = await abortable(lending, signal).catch((error: unknown) => {
    lending.then((late) => late.release()).catch(() => undefined);
    throw error;
  });
  try {
    const inputs = inputsOf(segment, { pictures: standIn.pictures, tensors: upward, pixels });
    const { outputs, timing } = await services.executor.run(segment, inputs, signal);
    return { outputs: pick(outputs, epoch.outputs), segments: [timing], hops: [] };
  } finally {
    segment.release();
  }
}

/** `edge-cloud`, say: this tier and the one after it in the plan. */
export function hopName({ proposal }: PreparedEpoch, tier: string): string {
  return `${tier}-${proposal.tiers[proposal.tiers.indexOf(tier) + 1] ?? 'upstream'}`;
}

function nameHop(hops: readonly HopTiming[], hop: string): readonly HopTiming[] {
  return hops.map((timing, index) => (index === 0 ? { ...timing, hop } : timing));
}

/** Where a segment's inputs come from. */
interface InputSources {
  readonly tensors: TensorMap;
  /** Names of the tensors that came as pictures. */
  readonly pixels: ReadonlySet<string>;
  readonly pictures: ReadonlyMap<string, SidecarInput>;
}

function inputsOf({ model }: PreparedSegment, sources: InputSources): TensorMap {
  return Object.fromEntries(model.inputs.map(({ name }) => [name, inputTensor(name, sources)]));
}

function inputTensor(name: string, { tensors, pixels, pictures }: InputSources): Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new TypeError(`Segment input '${name}' is not in its frame`);
  const picture = pixels.has(name) ? pictures.get(name) : undefined;
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
