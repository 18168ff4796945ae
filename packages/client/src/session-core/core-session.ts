import { isD3Error } from '@d3/errors';
import type { Manifest } from '@d3/onnx';
import type { PlanReport } from '@d3/partition';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import { abortable, readAnswer, type Sidecar } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type { InferInput, InferOptions, InferResult, Session, SessionEvents } from '../session.ts';
import { BackendKeeper } from './backend-keeper.ts';
import type { Device } from './device.ts';
import { EdgeKeeper } from './edge-keeper.ts';
import { EventHub } from './event-hub.ts';
import type { Host } from './host.ts';
import { LivePlan } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';
import { parseGoal } from './parse-goal.ts';
import type { Goal } from './plan-session.ts';
import type { ProgressBar } from './progress-bar.ts';
import { type RequestInput, readInput } from './request-input.ts';
import { type RequestRun, runRequest } from './run-request.ts';
import { Scopes } from './scopes.ts';
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
  /** Opens a link to the edge. */
  readonly connectEdge: (signal: AbortSignal | undefined) => Promise<Uplink>;
  /** The first link; absent for a device alone. */
  readonly uplink: Uplink | undefined;
}

const DEADLINE_MS = 30_000;
/** About 24 days: a timer that is set for longer fires at once. */
const MAX_DEADLINE_MS = 2 ** 31 - 1_000;
/** Losses that one request survives. */
const RETRIES = 2;
/** Errors after which a request may run again on the plan that follows. */
const LOSSES: ReadonlySet<string> = new Set([
  'RUNTIME_LOST',
  'RUNTIME_DISPOSED',
  'PROTOCOL_LINK_CLOSED',
  'SERVER_EPOCH_UNKNOWN',
  'SERVER_DRAINING',
]);

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
  #lastRequest = 0;

  /** Takes the parts over. Not usable before {@link start}. */
  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.manifest = parts.model.manifest;
    this.sidecar = parts.model.sidecar;
    const { signal: ending } = this.#ending;
    this.#edge = new EdgeKeeper(parts.connectEdge, ending, {
      onStatus: () => this.#hub.emit('status', { profiles: this.profiles, links: this.links }),
      onLost: (reason) => void this.#leaveEdge(reason),
      onBack: () => void this.#switchOrFail('the edge is back'),
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
      look: () => ({
        backend: parts.device.backend,
        uplink: this.#edge.uplink,
        profiles: this.profiles,
        links: this.links,
      }),
      onRelease: () => this.#endIdleBackends(),
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
    return [this.#parts.device.profile, ...this.#edge.profiles];
  }

  get links(): readonly LinkEstimate[] {
    return this.#edge.links;
  }

  /** Makes the first plan and its epoch. @throws D3Error as {@link replan} */
  async start(bar: ProgressBar, signal?: AbortSignal): Promise<void> {
    await this.#plan.switchTo({ reason: 'connected', bar, signal });
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
      const { epoch, run } = await this.#runSomewhere(prepared, limits);
      const { outputs, placement, hops, crossed } = run;
      const answers = this.sidecar === undefined ? [] : readAnswer(outputs, this.sidecar);
      const totalMs = performance.now() - startedMs;
      return { outputs, answers, placement, hops, totalMs, epoch, ...(inspect && { crossed }) };
    } finally {
      scope.end();
    }
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

  /** Runs a request on the live epoch; on the next one if a tier was lost under it. */
  async #runSomewhere(
    input: RequestInput,
    limits: { readonly signal: AbortSignal; readonly deadlineAtMs: number },
  ): Promise<{ readonly epoch: number; readonly run: RequestRun }> {
    const { signal } = limits;
    for (let attempt = 0; ; attempt += 1) {
      const epoch = this.#plan.usableEpoch;
      const letGo = epoch.hold();
      try {
        const run = await runRequest(epoch, { manifest: this.manifest, input, ...limits });
        this.#plan.learnCoded(run.sent);
        return { epoch: epoch.parts.number, run };
      } catch (error) {
        const lost = isD3Error(error) && LOSSES.has(error.code);
        if (!lost || signal.aborted || attempt >= RETRIES) throw error;
        if (!(await this.#plan.movedFrom(epoch, signal))) throw error;
      } finally {
        letGo();
      }
    }
  }

  /** Plans without the edge; where the constraints forbid that, requests fail until it is back. */
  async #leaveEdge(reason: string): Promise<void> {
    const switched = this.#plan.switchTo({ reason: `the edge was lost: ${reason}` });
    this.#hub.emit('lost', { what: 'edge', reason });
    try {
      await switched;
    } catch (cause) {
      if (this.#ending.signal.aborted || this.#edge.draining) return; // a draining edge still finishes what runs
      const remedy = `${(cause as Error).message}. It is tried again until the session is closed`;
      const details = { edge: String(this.#parts.edge), problem: reason, remedy };
      this.#plan.fail(clientError('CLIENT_EDGE_LOST', details, { cause }));
    }
  }

  async #switchOrFail(reason: string, before?: () => Promise<void>): Promise<void> {
    try {
      await this.#plan.switchTo({ reason, ...(before && { before }) });
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#plan.fail(error);
    }
    this.#endIdleBackends();
  }

  #endIdleBackends(): void {
    if (!this.#ending.signal.aborted) this.#backends.endIdle(this.#plan.backends);
  }
}
