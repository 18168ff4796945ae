import type { Manifest } from '@d3/onnx';
import type { PlanReport } from '@d3/partition';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import type { Sidecar } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type {
  Fallback,
  InferInput,
  InferOptions,
  InferResult,
  Session,
  SessionEvents,
  StreamedFrame,
  StreamOptions,
} from '../session.ts';
import { openStream } from '../stream/open-stream.ts';
import type { FrameSource } from '../stream/stream-frames.ts';
import { ThroughputGoal } from '../stream/throughput-goal.ts';
import { AdaptationLoop } from './adaptation-loop.ts';
import { BackendKeeper, type BackendListener } from './backend-keeper.ts';
import { bringDevice, startWithoutDevice } from './cold-start.ts';
import { type Device, networkCosts } from './device.ts';
import { type EdgeConnections, EdgeKeeper, type EdgeListener } from './edge-keeper.ts';
import { EventHub } from './event-hub.ts';
import type { Host } from './host.ts';
import { LivePlan } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';
import { parseGoal } from './parse-goal.ts';
import type { Goal } from './plan-session.ts';
import type { ProgressBar } from './progress-bar.ts';
import { Recovery } from './recovery.ts';
import { RequestEntry } from './request-entry.ts';
import { Scopes } from './scopes.ts';
import { standBy } from './stand-by.ts';
import { Survey } from './survey.ts';
import type { Uplink } from './uplink.ts';
import { type ModelVersions, VersionFollower } from './version-follower.ts';

/** What a session begins with; it ends all of it. */
export interface SessionParts {
  readonly host: Host;
  readonly model: LoadedModel;
  /** With a backend in use. */
  readonly device: Device;
  readonly goal: Goal;
  /** Address of the edge, for errors. */
  readonly edge?: string | undefined;
  readonly connections: EdgeConnections;
  readonly fallback: Fallback;
  /** Whether the device fetches what it needs to go on alone. */
  readonly standby: boolean;
  /** Present where the model is asked for by a name that may come to mean another version. */
  readonly versions?: ModelVersions | undefined;
  /** The first link; absent for a device alone. */
  readonly uplink: Uplink | undefined;
}

/**
 * The session core: one model, one live plan, and the requests that run on it. It knows neither browser nor Node. Here its parts are
 * made and joined; what each does is its own file.
 */
export class CoreSession implements Session {
  readonly #parts: SessionParts;
  readonly #hub = new EventHub();
  readonly #scopes = new Scopes();
  readonly #ending = new AbortController();
  readonly #edge: EdgeKeeper;
  readonly #backends: BackendKeeper;
  readonly #survey: Survey;
  readonly #plan: LivePlan;
  readonly #recovery: Recovery;
  readonly #versions: VersionFollower | undefined;
  readonly #adaptation: AdaptationLoop;
  readonly #requests: RequestEntry;
  readonly #streamGoal: ThroughputGoal = new ThroughputGoal(this);

  /** Takes the parts over. Not usable before {@link start}. */
  constructor(parts: SessionParts) {
    const { host, model, device, goal, fallback, versions } = parts;
    const { signal: ending } = this.#ending;
    const [hub, scopes] = [this.#hub, this.#scopes];
    this.#parts = parts;
    this.#edge = new EdgeKeeper(parts.connections, ending, this.#edgeListener());
    const edge = this.#edge;
    const network = networkCosts(model.manifest);
    this.#backends = new BackendKeeper(device, { network, ending, listener: this.#backendListener() });
    this.#survey = new Survey({
      ...{ host, device, edge, manifest: model.manifest },
      restMs: () => this.#adaptation.restMs,
      onChange: () => this.#changed(),
    });
    hub.on('model', ({ manifest }) => this.#survey.useModel(manifest));
    this.#plan = new LivePlan({
      ...{ model, goal, hub, scopes },
      look: () => this.#survey.look(),
      onRelease: () => this.#endIdle(),
    });
    const plan = this.#plan;
    this.#recovery = new Recovery({
      ...{ plan, edge, hub, fallback, address: parts.edge, ending },
      onTried: () => this.#endIdle(),
    });
    this.#versions = versions && new VersionFollower({ versions, plan, edge, hub, ending });
    this.#adaptation = new AdaptationLoop({ plan, hub, ending });
    this.#requests = new RequestEntry({ host, scopes, plan, survey: this.#survey, adaptation: this.#adaptation });
    if (parts.uplink !== undefined) edge.adopt(parts.uplink);
  }

  get manifest(): Manifest {
    return this.#plan.model.manifest;
  }

  get sidecar(): Sidecar | undefined {
    return this.#plan.model.sidecar;
  }

  get report(): PlanReport {
    return this.#plan.epoch.parts.report;
  }

  get epoch(): number {
    return this.#plan.epoch.parts.number;
  }

  get profiles(): readonly TierProfile[] {
    return this.#survey.profiles;
  }

  get links(): readonly LinkEstimate[] {
    return this.#survey.links;
  }

  /**
   * Makes the first plan and its epoch.
   *
   * @param options.ready - `any`: where the device lacks weights, without the device at first
   * @throws D3Error as {@link replan}
   */
  async start(
    bar: ProgressBar,
    options: { readonly ready: 'any' | 'planned'; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    const { ready, signal } = options;
    const device = this.#parts.device.profile.tier;
    const how = { device, cache: this.#parts.host.cache, bar, signal };
    const early = ready === 'any' && this.#edge.uplink !== undefined && (await startWithoutDevice(this.#plan, how));
    if (early) bringDevice(this.#plan, device, this.#ending.signal);
    else await this.#plan.switchTo({ reason: 'connected', bar, signal });
    if (this.#parts.standby && this.#parts.edge !== undefined) this.#standBy();
    this.#changed();
  }

  on<E extends keyof SessionEvents>(event: E, listener: (detail: SessionEvents[E]) => void): () => void {
    return this.#hub.on(event, listener);
  }

  async replan(goal: Partial<Goal>): Promise<PlanReport> {
    const epoch = await this.#plan.switchTo({ reason: 'another goal', goal: parseGoal(goal) });
    return epoch.parts.report;
  }

  async infer(input: InferInput, options: InferOptions = {}): Promise<InferResult> {
    this.#ending.signal.throwIfAborted();
    return await this.#requests.infer(input, options);
  }

  stream(source: FrameSource, options: StreamOptions = {}): AsyncGenerator<StreamedFrame, void, void> {
    const infer = (input: InferInput, how: InferOptions) => this.infer(input, how);
    return openStream(source, options, { session: this, goal: this.#streamGoal, infer });
  }

  /** Looks at once whether the link still is, and tries to connect again if it is not; for a page that was hidden. */
  wake(): void {
    if (this.#ending.signal.aborted) return;
    this.#edge.wake();
    this.#adaptation.changed();
  }

  async close(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    const reason = 'close() was called';
    const closed = clientError('CLIENT_CLOSED', { reason });
    this.#scopes.abortAll(closed);
    this.#plan.retire();
    this.#ending.abort(closed);
    await this.#backends.dispose();
    this.#hub.emit('closed', { reason });
    this.#hub.clear();
  }

  /** What is known of a tier or a link changed. */
  #changed(): void {
    this.#hub.emit('status', { profiles: this.profiles, links: this.links });
    this.#adaptation.changed();
    void this.#versions?.look();
  }

  /** Gets the device ready to go on alone, while nothing else is to be done. */
  #standBy(): void {
    standBy({
      plan: this.#plan,
      hub: this.#hub,
      memoryBytes: this.#parts.host.memoryBytes,
      running: () => this.#adaptation.running,
      ending: this.#ending.signal,
    });
  }

  #edgeListener(): EdgeListener {
    return {
      onStatus: () => this.#changed(),
      onTiers: (change) => void this.#recovery.followTiers(change),
      onLost: (reason) => void this.#recovery.leaveEdge(reason),
      onBack: (reason) => void this.#recovery.switchOrFail(reason),
    };
  }

  #backendListener(): BackendListener {
    return {
      onLost: async (reason, before) => {
        const switched = this.#recovery.switchOrFail(`lost ${reason}`, before);
        this.#hub.emit('lost', { what: 'backend', reason });
        await switched;
      },
      onRejoin: (name, before) => this.#recovery.switchOrFail(`${name} is back`, before),
    };
  }

  #endIdle(): void {
    if (this.#ending.signal.aborted) return;
    this.#backends.endIdle(this.#plan.backends);
    this.#edge.endIdle(this.#plan.uplinks);
  }
}
