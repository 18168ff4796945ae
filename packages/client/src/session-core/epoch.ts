import type { Manifest } from '@d3/onnx';
import type { PlanReport, Segmentation } from '@d3/partition';
import type { Backend } from '@d3/runtime';
import type { DeviceStage } from './device-stage.ts';
import type { LoadedModel } from './load-model.ts';
import type { Uplink } from './uplink.ts';

/** What makes an epoch. */
export interface EpochParts {
  readonly number: number;
  readonly model: LoadedModel;
  readonly report: PlanReport;
  readonly tierOf: readonly number[];
  readonly segmentation: Segmentation;
  readonly backend: Backend;
  /** The link that its layers past the device are reached by; absent if there are none. */
  readonly uplink: Uplink | undefined;
  /** The device's layers, in the order in which they run; none if the plan leaves the device nothing to compute. */
  readonly stages: readonly DeviceStage[];
}

/**
 * A plan in force. Requests hold it while they run; once it is retired and the last of them has ended, it is released, and only
 * then are its sessions freed: here and, through `onRelease`, on the other tiers.
 */
export class Epoch {
  readonly parts: EpochParts;
  readonly #onRelease: () => void;
  #requests = 0;
  #retired = false;
  #released = false;

  constructor(parts: EpochParts, onRelease: () => void) {
    this.parts = parts;
    this.#onRelease = onRelease;
  }

  /** Requests that run on it now. */
  get requests(): number {
    return this.#requests;
  }

  /** Holds the epoch for one request; the returned function lets go, once. */
  hold(): () => void {
    this.#requests += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#requests -= 1;
      this.#releaseIfIdle();
    };
  }

  /** No new request will begin on it. */
  retire(): void {
    this.#retired = true;
    this.#releaseIfIdle();
  }

  #releaseIfIdle(): void {
    if (!this.#retired || this.#released || this.#requests > 0) return;
    this.#released = true;
    for (const { lease } of this.parts.stages) lease.release();
    this.#onRelease();
  }
}

/** Names of layers, for people. */
export function layerNames(manifest: Manifest, layers: readonly number[]): string[] {
  return layers.map((index) => manifest.layers[index]?.name ?? `#${index}`);
}
