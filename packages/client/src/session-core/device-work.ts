import type { Manifest } from '@d3/onnx';
import type { SegmentTiming } from '@d3/protocol';
import { abortable, type SegmentRun } from '@d3/runtime';
import type { Tensor, TensorMap } from '@d3/tensor';
import type { DeviceStage } from './device-stage.ts';
import type { Epoch, EpochParts } from './epoch.ts';
import type { RequestInput } from './request-input.ts';

/** What running on the device takes. */
export interface AdvanceOptions {
  readonly manifest: Manifest;
  readonly input: RequestInput;
  readonly signal: AbortSignal;
  /** Told of each stage that ran, and what it took on the way to the backend and back. */
  readonly onRun?: (timing: SegmentTiming, handoffMs: number) => void;
}

/**
 * What the device has made for one request. It is kept until there is a result, so that an attempt after a loss starts at the cut, or
 * as near to it as what was made allows.
 */
export class DeviceWork {
  #tensors: TensorMap;
  #timings: readonly SegmentTiming[];

  constructor(from?: DeviceWork) {
    this.#tensors = from?.tensors ?? {};
    this.#timings = from?.allTimings ?? [];
  }

  /** Everything made so far, by name. */
  get tensors(): TensorMap {
    return this.#tensors;
  }

  /** Of every stage that ran. */
  get allTimings(): readonly SegmentTiming[] {
    return this.#timings;
  }

  /** The device's part of an epoch's placement: one entry per backend. */
  timingsFor(epoch: Epoch): readonly SegmentTiming[] {
    const mine = new Set(epoch.parts.segmentation.segments[0]?.layers ?? []);
    const merged = new Map<string, SegmentTiming>();
    for (const timing of this.#timings) {
      const layers = timing.layers.filter((layer) => mine.has(layer));
      if (layers.length > 0)
        merged.set(timing.backend, mergeTimings(merged.get(timing.backend), { ...timing, layers }));
    }
    return [...merged.values()];
  }

  /**
   * Runs those of an epoch's stages that are still needed.
   *
   * @throws D3Error what a segment throws; the signal's reason when aborted
   */
  async advance(epoch: Epoch, options: AdvanceOptions): Promise<void> {
    for (const stage of this.#stagesToRun(epoch, options.manifest)) {
      const { session, model } = stage.lease;
      const inputs = this.#inputsOf(model.inputs, options.input);
      const startedMs = performance.now();
      // A run that has begun cannot be stopped, but its caller need not wait for it.
      const run = await abortable(session.run(inputs, { signal: options.signal }), options.signal);
      const timing = timingOf(epoch, stage, run);
      this.#take(timing, run);
      options.onRun?.(timing, performance.now() - startedMs - run.computeMs - run.queueMs);
    }
  }

  /** Where a stage would make again what there is in part, all is made anew: whatever is named as its source then is. */
  #stagesToRun({ parts }: Epoch, manifest: Manifest): readonly DeviceStage[] {
    const needed = parts.stages.slice(this.#firstNeeded(parts, manifest));
    const done = new Set(this.#timings.flatMap(({ layers }) => layers));
    if (!needed.some(({ layers }) => layers.some((layer) => done.has(layer)))) return needed;
    this.#tensors = {};
    this.#timings = [];
    return parts.stages;
  }

  /** The first stage that must run: what all later ones read, and what leaves the device, is there or made on the way. */
  #firstNeeded({ stages, segmentation }: EpochParts, manifest: Manifest): number {
    const made = new Set(
      stages.flatMap(({ layers }) => layers.flatMap((index) => manifest.layers[index]?.outputs ?? [])),
    );
    const leaving = [...(segmentation.boundaries[0] ?? []), ...(segmentation.segments[0]?.outputs ?? [])];
    let wanted = new Set(leaving.filter((name) => made.has(name)));
    for (let first = stages.length; ; first -= 1) {
      const stage = stages[first - 1];
      if (stage === undefined || [...wanted].every((name) => this.#tensors[name] !== undefined)) return first;
      const { inputs, outputs } = stage.lease.model;
      const before = new Set([...wanted, ...inputs.map(({ name }) => name)].filter((name) => made.has(name)));
      for (const { name } of outputs) before.delete(name);
      wanted = before;
    }
  }

  #inputsOf(inputs: readonly { readonly name: string }[], input: RequestInput): TensorMap {
    return Object.fromEntries(
      inputs.map(({ name }) => [name, required(name, this.#tensors[name] ?? input.tensor(name))]),
    );
  }

  #take(timing: SegmentTiming, { outputs }: SegmentRun): void {
    this.#tensors = { ...this.#tensors, ...outputs };
    this.#timings = [...this.#timings, timing];
  }
}

/** @throws Error for a tensor that no tier made: a fault of the plan */
export function required(name: string, tensor: Tensor | undefined): Tensor {
  if (tensor === undefined) throw new Error(`Tensor '${name}' of the plan was made by no tier`);
  return tensor;
}

function timingOf(epoch: Epoch, { layers }: DeviceStage, { computeMs, queueMs }: SegmentRun): SegmentTiming {
  const { backend, report } = epoch.parts;
  const tier = report.problem.tiers[0] ?? 'device';
  return { tier, backend: backend.name, layers, computeMs, queueMs, slowdown: backend.slowdown };
}

function mergeTimings(before: SegmentTiming | undefined, timing: SegmentTiming): SegmentTiming {
  if (before === undefined) return timing;
  const layers = [...before.layers, ...timing.layers].toSorted((a, b) => a - b);
  const computeMs = before.computeMs + timing.computeMs;
  return { ...timing, layers, computeMs, queueMs: before.queueMs + timing.queueMs };
}
