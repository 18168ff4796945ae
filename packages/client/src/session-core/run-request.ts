import type { Manifest } from '@d3/onnx';
import type { LinkResult, SegmentTiming, TensorCodec } from '@d3/protocol';
import { abortable, type SegmentRun } from '@d3/runtime';
import type { Tensor, TensorMap } from '@d3/tensor';
import type { Placement } from '../session.ts';
import { type Epoch, layerNames } from './epoch.ts';
import type { RequestInput } from './request-input.ts';

/** One request on its way. */
export interface RunningRequest {
  readonly manifest: Manifest;
  readonly input: RequestInput;
  readonly signal: AbortSignal;
  /** On the clock of `performance.now()`. */
  readonly deadlineAtMs: number;
  /** What the device made for it, kept until there is a result: an attempt after a loss starts at the cut. */
  readonly kept: KeptBoundary;
}

/** What the device made for a request on an epoch. */
export interface KeptBoundary {
  made?: { readonly epoch: Epoch; readonly run: SegmentRun };
}

/** What a run of all tiers gave. */
export interface RequestRun {
  /** In the order of the manifest. */
  readonly outputs: TensorMap;
  readonly placement: readonly Placement[];
  readonly hops: LinkResult['hops'];
  /** What the boundary took on the first hop. */
  readonly sent: LinkResult['sent'];
  /** What crossed the first hop. */
  readonly crossed: TensorMap;
}

/** The caller's own timer speaks first; the link's is only a net below it. */
const DEADLINE_GRACE_MS = 250;

/**
 * Runs a request on an epoch that the caller holds: the device's segment, then all behind it.
 *
 * @throws D3Error what a tier or the link says; the signal's reason when aborted
 */
export async function runRequest(epoch: Epoch, request: RunningRequest): Promise<RequestRun> {
  const { segmentation } = epoch.parts;
  const kept = reusable(request.kept, epoch);
  const made = kept?.run ?? (await runOnDevice(epoch, request));
  if (made !== undefined && kept === undefined) request.kept.made = { epoch, run: made };
  const boundary = collectBoundary(segmentation.boundaries[0] ?? [], request.input, made?.outputs ?? {});
  const result = await sendOn(epoch, request, boundary);
  const { manifest } = request;
  const outputs = pickOutputs(manifest, { ...made?.outputs, ...result?.outputs });
  const timings = [
    ...(made === undefined ? [] : [deviceTiming(kept?.epoch ?? epoch, made)]),
    ...(result?.segments ?? []),
  ];
  return {
    outputs,
    placement: timings.map((timing) => placementOf(manifest, timing)),
    hops: result?.hops ?? [],
    sent: result?.sent ?? [],
    crossed: boundary.tensors,
  };
}

/** What an attempt before made, if this epoch leaves the device the same layers. */
function reusable({ made }: KeptBoundary, epoch: Epoch): KeptBoundary['made'] {
  const layersOf = ({ parts }: Epoch) => (parts.segmentation.segments[0]?.layers ?? []).join();
  return made !== undefined && layersOf(made.epoch) === layersOf(epoch) ? made : undefined;
}

async function runOnDevice(epoch: Epoch, { input, signal }: RunningRequest): Promise<SegmentRun | undefined> {
  const { segment, segmentation } = epoch.parts;
  if (segment === undefined) return undefined;
  const inputs = fromNames(segmentation.segments[0]?.inputs ?? [], (name) => input.tensor(name));
  // A run that has begun cannot be stopped, but its caller need not wait for it.
  return await abortable(segment.session.run(inputs, { signal }), signal);
}

interface Boundary {
  readonly tensors: TensorMap;
  readonly codecs: Readonly<Record<string, TensorCodec>>;
}

function collectBoundary(names: readonly string[], input: RequestInput, made: TensorMap): Boundary {
  const pictures = names.filter((name) => input.pixels(name) !== undefined);
  return {
    tensors: fromNames(names, (name) => made[name] ?? input.pixels(name) ?? input.tensor(name)),
    codecs: Object.fromEntries(pictures.map((name) => [name, 'pixels'])),
  };
}

async function sendOn(
  epoch: Epoch,
  { signal, deadlineAtMs }: RunningRequest,
  boundary: Boundary,
): Promise<LinkResult | undefined> {
  const { uplink, number } = epoch.parts;
  if (uplink === undefined) return undefined;
  const deadlineMs = Math.max(1, Math.round(deadlineAtMs - performance.now()) + DEADLINE_GRACE_MS);
  return await uplink.client.infer({ epoch: number, ...boundary, deadlineMs, signal });
}

function pickOutputs(manifest: Manifest, made: TensorMap): TensorMap {
  const names = manifest.tensors.filter((tensor) => tensor.isOutput).map((tensor) => tensor.name);
  return fromNames(names, (name) => made[name]);
}

function deviceTiming(epoch: Epoch, run: SegmentRun): SegmentTiming {
  const { backend, segmentation } = epoch.parts;
  return {
    tier: epoch.parts.report.problem.tiers[0] ?? 'device',
    backend: backend.name,
    layers: segmentation.segments[0]?.layers ?? [],
    computeMs: run.computeMs,
    queueMs: run.queueMs,
    slowdown: backend.slowdown,
  };
}

function placementOf(manifest: Manifest, timing: SegmentTiming): Placement {
  return { ...timing, layerNames: layerNames(manifest, timing.layers), emulated: timing.slowdown > 1 };
}

function fromNames(names: readonly string[], find: (name: string) => Tensor | undefined): TensorMap {
  const entries = names.map((name) => {
    const tensor = find(name);
    if (tensor === undefined) throw new Error(`Tensor '${name}' of the plan was made by no tier`);
    return [name, tensor] as const;
  });
  return Object.fromEntries(entries);
}
