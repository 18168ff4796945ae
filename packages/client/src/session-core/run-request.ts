import type { Manifest } from '@d3/onnx';
import type { LinkResult, SegmentTiming, TensorCodec } from '@d3/protocol';
import type { Tensor, TensorMap } from '@d3/tensor';
import type { Placement } from '../session.ts';
import { type DeviceWork, required } from './device-work.ts';
import { type Epoch, layerNames } from './epoch.ts';
import type { RequestInput } from './request-input.ts';

/** One request on its way. */
export interface RunningRequest {
  readonly manifest: Manifest;
  readonly input: RequestInput;
  readonly signal: AbortSignal;
  /** On the clock of `performance.now()`. */
  readonly deadlineAtMs: number;
  /** What the device made for it, in this attempt and those before. */
  readonly work: DeviceWork;
  /** Told of each segment that ran on the device, and what it took on the way to the backend and back. */
  readonly onRun?: (timing: SegmentTiming, handoffMs: number) => void;
  /** Told when the boundary goes out. */
  readonly onSend?: () => void;
}

/** What a run of all tiers gave. */
export interface RequestRun {
  /** In the order of the manifest. */
  readonly outputs: TensorMap;
  readonly placement: readonly Placement[];
  readonly hops: LinkResult['hops'];
  /** What ran behind the first hop. */
  readonly behind: LinkResult['segments'];
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
  const { manifest, work, input } = request;
  await work.advance(epoch, request);
  const boundary = collectBoundary(epoch.parts.segmentation.boundaries[0] ?? [], input, work.tensors);
  const result = await sendOn(epoch, request, boundary);
  const outputs = pickOutputs(manifest, { ...work.tensors, ...result?.outputs });
  const timings = [...work.timingsFor(epoch), ...(result?.segments ?? [])];
  return {
    outputs,
    placement: timings.map((timing) => placementOf(manifest, timing)),
    hops: result?.hops ?? [],
    behind: result?.segments ?? [],
    sent: result?.sent ?? [],
    crossed: boundary.tensors,
  };
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
  { signal, deadlineAtMs, onSend }: RunningRequest,
  boundary: Boundary,
): Promise<LinkResult | undefined> {
  const { uplink, number } = epoch.parts;
  if (uplink === undefined) return undefined;
  const deadlineMs = Math.max(1, Math.round(deadlineAtMs - performance.now()) + DEADLINE_GRACE_MS);
  onSend?.();
  return await uplink.client.infer({ epoch: number, ...boundary, deadlineMs, signal });
}

function pickOutputs(manifest: Manifest, made: TensorMap): TensorMap {
  const names = manifest.tensors.filter((tensor) => tensor.isOutput).map((tensor) => tensor.name);
  return fromNames(names, (name) => made[name]);
}

function placementOf(manifest: Manifest, timing: SegmentTiming): Placement {
  return { ...timing, layerNames: layerNames(manifest, timing.layers), emulated: timing.slowdown > 1 };
}

function fromNames(names: readonly string[], find: (name: string) => Tensor | undefined): TensorMap {
  return Object.fromEntries(names.map((name) => [name, required(name, find(name))]));
}
