import { isD3Error } from '@d3/errors';
import type { Manifest } from '@d3/onnx';
import type { PlanReport } from '@d3/partition';
import type { LinkEstimate, LinkFit, TierProfile } from '@d3/profile';
import { abortable, type BackendName, readAnswer, type Sidecar } from '@d3/runtime';
import { expectedLink, stalledMs } from '../adaptation/index.ts';
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
import type { Device } from './device.ts';
import { DeviceSpeed } from './device-speed.ts';
import { type EdgeConnections, EdgeKeeper } from './edge-keeper.ts';
import { EventHub } from './event-hub.ts';
import type { Host } from './host.ts';
import { LivePlan, type Surroundings } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';
import { parseGoal } from './parse-goal.ts';
import type { Goal } from './plan-session.ts';
import type { ProgressBar } from './progress-bar.ts';
import { readInput } from './request-input.ts';
import { RequestRunner } from './request-runner.ts';
import { Scopes } from './scopes.ts';
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
  /** The first link; absent for a device alone. */
  readonly uplink: Uplink | undefined;
}

const DEADLINE_MS = 30_000;
/** About 24 days: a timer that is set for longer fires at once. */
const MAX_DEADLINE_MS = 2 ** 31 - 1_000;
/** The session core: one model, one live plan, and the requests that run on it. It knows neither browser nor Node. */
export class CoreSession implements Session {
  readonly manifest: Manifest;
  readonly sidecar: Sidecar | undefined;
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
  readonly #streamGoal: ThroughputGoal = new ThroughputGoal(this);
  #lastRequest = 0;

  /** Takes the parts over. Not usable before {@link start}. */
  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.manifest = parts.model.manifest;
    this.sidecar = parts.model.sidecar;
    const { signal: ending } = this.#ending;
    this.#edge = new EdgeKeeper(parts.connections, ending, {
      onStatus: () => this.#changed(),
      onTiers: (reason) => void this.#switchOrFail(reason),
      onLost: (reason) => void this.#leaveEdge(reason),
      onBack: (reason) => void this.#switchOrFail(reason),
    });
    this.#backends = new BackendKeeper(parts.device, {
      flops: this.manifest.totalFlops,
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
    const { model } = parts;
    this.#adaptation = new AdaptationLoop({ model, plan: this.#plan, hub: this.#hub, ending });
    this.#speed = new DeviceSpeed(model.manifest, () => this.#changed());
    this.#runner = new RequestRunner({
      manifest: this.manifest,
      plan: this.#plan,
      onRun: ({ backend, layers, computeMs }) =>
        this.#speed.observe({ backend: backend as BackendName, layers, computeMs }, parts.device.profile),
    });
    if (parts.uplink !== undefined) this.#edge.adopt(parts.uplink);
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

  /** Makes the first plan and its epoch. @throws D3Error as {@link replan} */
  async start(bar: ProgressBar, signal?: AbortSignal): Promise<void> {
    await this.#plan.switchTo({ reason: 'connected', bar, signal });
    const { model, host, standby } = this.#parts;
    const { signal: ending } = this.#ending;
    const busy = () => this.#adaptation.running > 0 || this.#plan.switching;
    if (!standby || this.#parts.edge === undefined) return;
    const prepare = (until: AbortSignal) => this.#plan.prepareAlone(until);
    const waiting = new Standby({ model, memoryBytes: host.memoryBytes, busy, prepare, ending });
    this.#hub.on('plan', () => waiting.wake());
    waiting.wake();
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
      const prepared = await abortable(readInput(this.#parts.model, input, this.#parts.host), scope.signal);
      const ended = this.#adaptation.begin();
      const { epoch, run } = await this.#runner.run(prepared, limits).finally(ended);
      const { outputs, placement, hops, crossed } = run;
      const answers = this.sidecar === undefined ? [] : readAnswer(outputs, this.sidecar);
      const totalMs = performance.now() - startedMs;
      return { outputs, answers, placement, hops, totalMs, epoch, ...(inspect && { crossed }) };
    } finally {
      scope.end();
    }
  }

  stream(source: FrameSource, options: StreamOptions = {}): AsyncGenerator<StreamedFrame, void, void> {
    const infer = (input: InferInput, how: InferOptions) => this.infer(input, how);
    return openStream(source, options, { session: this, goal: this.#streamGoal, infer });
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
    const nearest = tiers.profiles.findIndex(({ tier }) => !tiers.away.includes(tier));
    const fits = tiers.links.map((link, hop): LinkFit => {
      if (uplink === undefined || hop !== nearest) return () => link;
      const { monitor } = uplink;
      return (bytes) => {
        const nowMs = performance.now();
        const { estimate, estimator } = monitor;
        const pending = monitor.pendingTransfers();
        const restMs = this.#adaptation.restMs;
        const rest = restMs === undefined ? {} : { restMs };
        return expectedLink({ nowMs, estimate, ramp: estimator.ramp(nowMs), pending, bytes, ...rest });
      };
    });
    const { profiles, links } = this;
    const silence = uplink === undefined ? 0 : silenceOn(uplink);
    const { memoryBytes } = host;
    return {
      backend: device.backend,
      uplink,
      profiles,
      links,
      fits,
      away: tiers.away,
      memoryBytes,
      stalledMs: silence,
    };
  }
}

function silenceOn({ monitor }: Uplink): number {
  return stalledMs({ nowMs: performance.now(), estimate: monitor.estimate, pending: monitor.pendingTransfers() });
}
