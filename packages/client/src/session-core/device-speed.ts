import type { Manifest } from '@d3/onnx';
import { predictSegmentMs, segmentCosts, TierCorrection, type TierProfile } from '@d3/profile';
import type { BackendName, SegmentRun } from '@d3/runtime';
import { LoadMemory } from './load-memory.ts';
import { medianOf } from './median-of.ts';

/** A load that moved by more than this factor against what was told last is another one. */
const BAND = 1.25;

/** One run of layers on the device. */
export interface DeviceRun {
  readonly backend: BackendName;
  readonly layers: readonly number[];
  readonly computeMs: SegmentRun['computeMs'];
  /** From the caller to the backend and back. */
  readonly handoffMs: number;
}

interface BackendSpeed {
  readonly idle: TierProfile;
  readonly correction: TierCorrection;
  /** What runs of late took on the way to the backend and back; at first what was measured when nothing else ran. */
  handoffs: readonly number[];
  readonly memory: LoadMemory;
}

/** Handoffs that the expected one is the median of. */
const RECENT = 7;

/** How fast the device's backends are: as they were measured, corrected by what segments really take here. */
export class DeviceSpeed {
  #manifest: Manifest;
  readonly #onChange: () => void;
  readonly #corrections = new Map<BackendName, BackendSpeed>();
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
    const { profile } = known.correction;
    const { handoffMs = 0, load = { scale: 1, queueMs: 0 } } = profile;
    const expectedMs = medianOf(known.handoffs);
    const scale = known.memory.believed(load.scale, performance.now());
    return {
      ...profile,
      handoffMs: expectedMs,
      fixedMs: profile.fixedMs - handoffMs + expectedMs,
      load: { ...load, scale },
    };
  }

  /**
   * Takes in a run. What it waited for a worker does not count: that wait is this session's own doing.
   *
   * @param idle - profile of the backend that ran it, as it was measured
   */
  observe({ backend, layers, computeMs, handoffMs }: DeviceRun, idle: TierProfile): void {
    if (idle.backend !== backend) return;
    const speed = this.#speedOf(backend, idle);
    const { correction } = speed;
    speed.handoffs = [...speed.handoffs, Math.max(0, handoffMs)].slice(-RECENT);
    const costs = segmentCosts(this.#manifest, layers);
    const before = correction.profile;
    const predictedMs = predictSegmentMs(before, costs) - (before.handoffMs ?? 0);
    speed.memory.ran(computeMs / predictedMs, before.load?.scale ?? 1, performance.now());
    correction.observe({ layers: costs, measuredMs: computeMs, queueMs: 0 });
    const { scale } = correction.load;
    if (Math.max(scale / this.#toldScale, this.#toldScale / scale) <= BAND) return;
    this.#toldScale = scale;
    this.#onChange();
  }

  #speedOf(backend: BackendName, idle: TierProfile): BackendSpeed {
    const known = this.#corrections.get(backend);
    if (known !== undefined && known.idle === idle) return known;
    const { handoffMs = 0 } = idle;
    const speed = {
      idle,
      correction: new TierCorrection(idle),
      handoffs: [handoffMs, handoffMs],
      memory: new LoadMemory(),
    };
    this.#corrections.set(backend, speed);
    return speed;
  }
}
