import type { Manifest } from '@d3/onnx';
import { segmentCosts, TierCorrection, type TierProfile } from '@d3/profile';
import type { BackendName, SegmentRun } from '@d3/runtime';

/** A load that moved by more than this factor against what was told last is another one. */
const BAND = 1.25;

/** One run of layers on the device. */
export interface DeviceRun {
  readonly backend: BackendName;
  readonly layers: readonly number[];
  readonly computeMs: SegmentRun['computeMs'];
}

/** How fast the device's backends are: as they were measured, corrected by what segments really take here. */
export class DeviceSpeed {
  #manifest: Manifest;
  readonly #onChange: () => void;
  readonly #corrections = new Map<BackendName, { readonly idle: TierProfile; readonly correction: TierCorrection }>();
  #toldScale = 1;

  /** @param onChange - called when the speed left the band of what it was when this was last called */
  constructor(manifest: Manifest, onChange: () => void) {
    this.#manifest = manifest;
    this.#onChange = onChange;
  }

  /** Another model's layers run from now on. */
  useModel(manifest: Manifest): void {
    this.#manifest = manifest;
  }

  /** A backend's profile, as it is now. @param idle - as it was measured */
  profileOf(idle: TierProfile): TierProfile {
    const known = this.#corrections.get(idle.backend as BackendName);
    if (known === undefined || known.idle !== idle) return idle;
    return known.correction.profile;
  }

  /**
   * Takes in a run. What it waited for a worker does not count: that wait is this session's own doing.
   *
   * @param idle - profile of the backend that ran it, as it was measured
   */
  observe({ backend, layers, computeMs }: DeviceRun, idle: TierProfile): void {
    if (idle.backend !== backend) return;
    const correction = this.#correctionOf(backend, idle);
    const costs = segmentCosts(this.#manifest, layers);
    correction.observe({ layers: costs, measuredMs: computeMs, queueMs: 0 });
    const { scale } = correction.load;
    if (Math.max(scale / this.#toldScale, this.#toldScale / scale) <= BAND) return;
    this.#toldScale = scale;
    this.#onChange();
  }

  #correctionOf(backend: BackendName, idle: TierProfile): TierCorrection {
    const known = this.#corrections.get(backend);
    if (known !== undefined && known.idle === idle) return known.correction;
    const correction = new TierCorrection(idle);
    this.#corrections.set(backend, { idle, correction });
    return correction;
  }
}
