import { isD3Error } from '@d3/errors';
import type { Manifest } from '@d3/onnx';
import type { PlanReport } from '@d3/partition';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import { type BackendName, readAnswer, type Sidecar } from '@d3/runtime';
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
import { BackendKeeper } from './backend-keeper.ts';
import { missingBytes, mustHold } from './cold-start.ts';
import { type Device, networkCosts } from './device.ts';
import { DeviceSpeed } from './device-speed.ts';
import { type EdgeConnections, EdgeKeeper } from './edge-keeper.ts';
import { EventHub } from './event-hub.ts';
import type { Host } from './host.ts';
import { interfaceChange } from './interface-change.ts';
import { type KnownHops, LinkBeliefs } from './link-beliefs.ts';
import { LivePlan, type Surroundings } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';
import { parseGoal } from './parse-goal.ts';
import { type Goal, planSession } from './plan-session.ts';
import type { ProgressBar } from './progress-bar.ts';
import { readInput } from './request-input.ts';
import { RequestRunner } from './request-runner.ts';
import { Scopes } from './scopes.ts';
import { sleep } from './sleep.ts';
import { Standby } from './standby.ts';
import type { Uplink } from './uplink.ts';

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
  /** How the model is found again by its name, where that may come to mean another version. */
  readonly version?:
    | { readonly name: string; readonly load: (signal: AbortSignal) => Promise<LoadedModel> }
    | undefined;
  /** The first link; absent for a device alone. */
  readonly uplink: Uplink | undefined;
}

const DEADLINE_MS = 30_000;
/** About 24 days: a timer that is set for longer fires at once. */
const MAX_DEADLINE_MS = 2 ** 31 - 1_000;
/** The session core: one model, one live plan, and the requests that run on it. It knows neither browser nor Node. */
export class CoreSession implements Session {
  readonly #parts: SessionParts;
  readonly #hub = new EventHub();
  readonly #scopes = new Scopes();
  readonly #ending = new AbortController();
  readonly #edge: EdgeKeeper;
  readonly #backends: BackendKeeper;
  readonly #plan: LivePlan;
  readonly #adaptation: AdaptationLoop;
  readonly #speed: DeviceSpeed;
  readonly #runner: RequestRunner;
  readonly #links = new LinkBeliefs(() => this.#knownHops());
  readonly #streamGoal: ThroughputGoal = new ThroughputGoal(this);
  #lastRequest = 0;
  /** Of the model's version that was taken, or refused, last. */
  #seenHash: string | undefined;

  /** Takes the parts over. Not usable before {@link start}. */
  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { signal: ending } = this.#ending;
    this.#edge = new EdgeKeeper(parts.connections, ending, {
      onStatus: () => this.#changed(),
      onTiers: (change) => void this.#followTiers(change),
      onLost: (reason) => void this.#leaveEdge(reason),
      onBack: (reason) => void this.#switchOrFail(reason),
    });
    this.#backends = new BackendKeeper(parts.device, {
      network: networkCosts(parts.model.manifest),
      ending,
      listener: {
        onLost: async (reason, before) => {
          const switched = this.#switchOrFail(`lost ${reason}`, before);
          this.#hub.emit('lost', { what: 'backend', reason });
          await switched;
        },
        onRejoin: (name, before) => this.#switchOrFail(`${name} is back`, before),
      },
    });
    this.#plan = new LivePlan({
      model: parts.model,
      goal: parts.goal,
      hub: this.#hub,
      scopes: this.#scopes,
      look: () => this.#look(),
      onRelease: () => this.#endIdle(),
    });
    this.#adaptation = new AdaptationLoop({ plan: this.#plan, hub: this.#hub, ending });
    this.#speed = new DeviceSpeed(parts.model.manifest, () => this.#changed());
    this.#hub.on('model', ({ manifest }) => this.#speed.useModel(manifest));
    this.#runner = new RequestRunner({
      plan: this.#plan,
      onRun: ({ backend, layers, computeMs }, handoffMs) =>
        this.#speed.observe({ backend: backend as BackendName, layers, computeMs, handoffMs }, parts.device.profile),
      onHops: (hops) => this.#links.observe(hops),
    });
    if (parts.uplink !== undefined) this.#edge.adopt(parts.uplink);
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
    return [this.#speed.profileOf(this.#parts.device.profile), ...this.#edge.tiers.profiles];
  }

  get links(): readonly LinkEstimate[] {
    return this.#edge.tiers.links;
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
    if (ready === 'any' && (await this.#startWithoutDevice(bar, signal))) void this.#bringDevice();
    else await this.#plan.switchTo({ reason: 'connected', bar, signal });
    if (this.#parts.standby && this.#parts.edge !== undefined) {
      this.#standBy();
      this.#hub.on('model', () => this.#standBy());
    }
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
    const startedMs = performance.now();
    this.#ending.signal.throwIfAborted();
    const { deadlineMs = DEADLINE_MS, signal, inspect = false } = options;
    signal?.throwIfAborted();
    if (!(deadlineMs > 0 && deadlineMs <= MAX_DEADLINE_MS)) {
      const remedy = `give milliseconds above 0 and up to ${MAX_DEADLINE_MS}`;
      throw clientError('CLIENT_OPTION_INVALID', { option: 'deadlineMs', value: String(deadlineMs), remedy });
    }
    this.#lastRequest += 1;
    const reason = clientError('CLIENT_DEADLINE_EXCEEDED', { request: this.#lastRequest, deadlineMs });
    const scope = this.#scopes.open({ signal, timeout: { afterMs: deadlineMs, reason } });
    try {
      const limits = { signal: scope.signal, deadlineAtMs: startedMs + deadlineMs };
      const readFor = (model: LoadedModel) => readInput(model, input, this.#parts.host);
      const ended = this.#adaptation.begin();
      const { epoch, run } = await this.#runner.run(readFor, limits).finally(ended);
      const { outputs, placement, hops, crossed } = run;
      const { model, number } = epoch.parts;
      const answers = model.sidecar === undefined ? [] : readAnswer(outputs, model.sidecar);
      const totalMs = performance.now() - startedMs;
      return { outputs, answers, placement, hops, totalMs, epoch: number, ...(inspect && { crossed }) };
    } finally {
      scope.end();
    }
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
    void this.#followModel();
  }

  /** Answers by the other tiers while the device gets its weights; tells whether that is worth it, and can be. */
  async #startWithoutDevice(bar: ProgressBar, signal: AbortSignal | undefined): Promise<boolean> {
    const { model, goal, host, device } = this.#parts;
    if (this.#edge.uplink === undefined || mustHold(goal.constraints, device.profile.tier)) return false;
    const { tierOf } = planSession(model, this.#plan.situation, goal);
    const layers = tierOf.flatMap((tier, layer) => (tier === 0 ? [layer] : []));
    if ((await missingBytes(model, host.cache, layers)) === 0) return false;
    try {
      const reason = 'connected; the device is getting its weights';
      await this.#plan.switchTo({ reason, bar, signal, withoutDevice: true });
      return true;
    } catch (error) {
      if (isD3Error(error, 'CLIENT_PLAN_INFEASIBLE')) return false;
      throw error;
    }
  }

  /** Has the device join a plan that was made without it; tries until it has. */
  async #bringDevice(): Promise<void> {
    const { tier } = this.#parts.device.profile;
    const { signal } = this.#ending;
    const isMissing = () => this.report.problem.constraints.unavailable?.includes(tier) === true;
    for (let pauseMs = 500; isMissing() && !signal.aborted; pauseMs = Math.min(30_000, 2 * pauseMs)) {
      try {
        await this.#plan.switchTo({ reason: 'the device is ready', background: true });
      } catch {
        // Another switch went first, or the weights cannot be had just now.
        await sleep(pauseMs, signal);
      }
    }
  }

  /** Gets the device ready to go on alone, while nothing else is to be done. */
  #standBy(): void {
    const { host } = this.#parts;
    const busy = () => this.#adaptation.running > 0 || this.#plan.switching;
    const prepare = (until: AbortSignal) => this.#plan.prepareAlone(until);
    const { memoryBytes } = host;
    const { model } = this.#plan;
    const standby = new Standby({ model, memoryBytes, busy, prepare, ending: this.#ending.signal });
    const stop = this.#hub.on('plan', () => (this.#plan.model === model ? standby.wake() : stop()));
    standby.wake();
  }

  /** Goes over to another version of the model, if the edge has one that is asked for alike. */
  async #followModel(): Promise<void> {
    const { name, load } = this.#parts.version ?? {};
    if (!this.#plan.ready) return;
    const hash = name === undefined ? undefined : this.#edge.uplink?.models[name];
    if (load === undefined || hash === undefined || hash === this.manifest.hash || hash === this.#seenHash) return;
    this.#seenHash = hash;
    try {
      const model = await load(this.#ending.signal);
      if (model.manifest.hash === this.manifest.hash) return;
      const obstacle = interfaceChange(this.manifest, model.manifest);
      if (obstacle !== undefined) throw new Error(obstacle);
      await this.#plan.switchTo({ reason: `the edge has another version of model '${name}'`, model });
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      const reason = `another version of model '${name}' cannot be used: ${(error as Error).message}`;
      const { tierOf } = this.#plan.epoch.parts;
      this.#hub.emit('considered', { reason, obstacle: 'failure', tierOf, predictedGainMs: 0, bytes: 0 });
    }
  }

  /** Plans anew for the tiers that there are. */
  async #followTiers({
    gone,
    come,
  }: {
    readonly gone: readonly string[];
    readonly come: readonly string[];
  }): Promise<void> {
    // A first plan is made for what is there when its turn comes.
    if (!this.#plan.ready) return;
    for (const what of gone) this.#hub.emit('lost', { what, reason: 'the edge says that it is away' });
    const { report, tierOf } = this.#plan.epoch.parts;
    const missed = gone.filter((tier) => tierOf.includes(report.problem.tiers.indexOf(tier)));
    if (missed.length > 0 && this.#parts.fallback === 'fail') {
      const problem = "fallback is 'fail'";
      this.#plan.fail(clientError('CLIENT_TIER_AWAY', { tiers: missed.join(', '), problem }));
      return;
    }
    const words = [...gone.map((tier) => `the ${tier} is away`), ...come.map((tier) => `the ${tier} is there`)];
    await this.#switchOrFail(words.join('; '));
  }

  /** Plans without the edge, as policy allows; where there is no way on, requests fail until it is back. */
  async #leaveEdge(reason: string): Promise<void> {
    const { fallback } = this.#parts;
    const recovery = this.#plan.recover(async () => {
      const lost = `the edge was lost: ${reason}`;
      const alone = fallback === 'any' || fallback === 'device';
      const failure = alone ? await this.#tryPlan(lost) : new Error(`fallback is '${fallback}'`);
      if (failure === undefined) return;
      if (fallback !== 'fail') await this.#edge.detour();
      // A draining edge still finishes what runs; a link past it brings its own plan.
      if (this.#ending.signal.aborted || this.#edge.draining || this.#edge.uplink !== undefined) return;
      const remedy = `${failure.message}. It is tried again until the session is closed`;
      const details = { edge: String(this.#parts.edge), problem: reason, remedy };
      this.#plan.fail(clientError('CLIENT_EDGE_LOST', details, { cause: failure }));
    });
    this.#hub.emit('lost', { what: 'edge', reason });
    await recovery;
  }

  /** Switches; gives back why it cannot. */
  async #tryPlan(reason: string): Promise<Error | undefined> {
    try {
      await this.#plan.switchTo({ reason, forced: true });
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  async #switchOrFail(reason: string, before?: () => Promise<void>): Promise<void> {
    try {
      await this.#plan.switchTo({ reason, forced: true, ...(before && { before }) });
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#plan.fail(this.#outageOf(error));
    }
    this.#endIdle();
  }

  /** A plan that fails for want of a tier is an outage that ends when the tier is back. */
  #outageOf(error: unknown): unknown {
    const { away } = this.#edge.tiers;
    if (away.length === 0 || !isD3Error(error, 'CLIENT_PLAN_INFEASIBLE')) return error;
    const details = { tiers: away.join(', '), problem: String(error.details.reason) };
    return clientError('CLIENT_TIER_AWAY', details, { cause: error });
  }

  #endIdle(): void {
    if (this.#ending.signal.aborted) return;
    this.#backends.endIdle(this.#plan.backends);
    this.#edge.endIdle(this.#plan.uplinks);
  }

  /** What there is to plan over, now. */
  #look(): Surroundings {
    const { device, host } = this.#parts;
    const { uplink, tiers } = this.#edge;
    const { profiles, links } = this;
    return {
      backend: device.backend,
      uplink,
      profiles,
      links,
      fits: this.#links.fits(),
      away: tiers.away,
      memoryBytes: host.memoryBytes,
      stalledMs: this.#links.silentMs(),
    };
  }

  #knownHops(): KnownHops {
    const { uplink, tiers } = this.#edge;
    const own = tiers.profiles.findIndex(({ tier }) => !tiers.away.includes(tier));
    const names = this.profiles.map(({ tier }) => tier);
    return { tiers: names, links: tiers.links, uplink, own, restMs: this.#adaptation.restMs };
  }
}
