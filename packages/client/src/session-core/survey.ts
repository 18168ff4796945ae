import type { Manifest } from '@d3/onnx';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import type { HopTiming, SegmentTiming } from '@d3/protocol';
import type { BackendName } from '@d3/runtime';
import type { Device } from './device.ts';
import { DeviceSpeed } from './device-speed.ts';
import type { EdgeKeeper } from './edge-keeper.ts';
import type { Host } from './host.ts';
import { type KnownHops, LinkBeliefs } from './link-beliefs.ts';
import type { Surroundings } from './live-plan.ts';

/** What a {@link Survey} works with. */
export interface SurveyParts {
  readonly host: Pick<Host, 'memoryBytes'>;
  readonly device: Device;
  readonly edge: EdgeKeeper;
  readonly manifest: Manifest;
  /** How long the device's link rests between requests; undefined when that cannot be told. */
  readonly restMs: () => number | undefined;
  /** Called when the device's speed left its band. */
  readonly onChange: () => void;
}

/** What a session knows of its tiers and of the links between them, from what they tell and from what requests took. */
export class Survey {
  readonly #parts: SurveyParts;
  readonly #speed: DeviceSpeed;
  readonly #links = new LinkBeliefs(() => this.#knownHops());

  constructor(parts: SurveyParts) {
    this.#parts = parts;
    this.#speed = new DeviceSpeed(parts.manifest, parts.onChange);
  }

  /** Of all tiers, device first; those that are away included. */
  get profiles(): readonly TierProfile[] {
    return [this.#speed.profileOf(this.#parts.device.profile), ...this.#parts.edge.tiers.profiles];
  }

  /** One fewer than {@link profiles}. */
  get links(): readonly LinkEstimate[] {
    return this.#parts.edge.tiers.links;
  }

  /** What there is to plan over, now. */
  look(): Surroundings {
    const { device, host, edge } = this.#parts;
    return {
      backend: device.backend,
      uplink: edge.uplink,
      profiles: this.profiles,
      links: this.links,
      fits: this.#links.fits(),
      away: edge.tiers.away,
      memoryBytes: host.memoryBytes,
      stalledMs: this.#links.silentMs(),
    };
  }

  /** Another model's layers run from now on. */
  useModel(manifest: Manifest): void {
    this.#speed.useModel(manifest);
  }

  /** A segment ran on the device. @param handoffMs - what it took on the way to the backend and back */
  ran({ backend, layers, computeMs }: SegmentTiming, handoffMs: number): void {
    this.#speed.observe({ backend: backend as BackendName, layers, computeMs, handoffMs }, this.#parts.device.profile);
  }

  /** A request crossed these hops. */
  crossed(hops: readonly HopTiming[]): void {
    this.#links.observe(hops);
  }

  #knownHops(): KnownHops {
    const { uplink, tiers } = this.#parts.edge;
    const own = tiers.profiles.findIndex(({ tier }) => !tiers.away.includes(tier));
    const names = this.profiles.map(({ tier }) => tier);
    return { tiers: names, links: tiers.links, uplink, own, restMs: this.#parts.restMs() };
  }
}
