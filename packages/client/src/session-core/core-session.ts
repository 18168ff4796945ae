import { isD3Error } from '@d3/errors';
import type { Manifest } from '@d3/onnx';
import type { PlanReport } from '@d3/partition';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import { type Backend, readAnswer, type Sidecar } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type { InferInput, InferOptions, InferResult, Session, SessionEvents } from '../session.ts';
import { abortable } from './abortable.ts';
import type { Device } from './device.ts';
import type { Epoch } from './epoch.ts';
import { EventHub } from './event-hub.ts';
import type { LoadedModel } from './load-model.ts';
import { makeEpoch } from './make-epoch.ts';
import { type Goal, planSession } from './plan-session.ts';
import { ProgressBar } from './progress-bar.ts';
import { Reconnector } from './reconnector.ts';
import { type RequestInput, readInput } from './request-input.ts';
import { type RequestRun, runRequest } from './run-request.ts';
import { Scopes } from './scopes.ts';
import { SharedSegments } from './shared-segments.ts';
import type { Uplink } from './uplink.ts';

/** What a session begins with; it ends all of it. */
export interface SessionParts {
  readonly model: LoadedModel;
  readonly device: Device;
  readonly goal: Goal;
  /** Connects to the edge, again if need be; absent for a device alone. */
  readonly connectEdge?: ((signal: AbortSignal) => Promise<Uplink>) | undefined;
  readonly uplink?: Uplink | undefined;
  /** Address of the edge, for errors. */
  readonly edge?: string | undefined;
}

const DEADLINE_MS = 30_000;
/** Losses that one request survives. */
const RETRIES = 2;
/** Codes of errors after which a request may be run again on the plan that follows. */
const LOSSES: ReadonlySet<string> = new Set([
  'RUNTIME_LOST',
  'RUNTIME_DISPOSED',
  'PROTOCOL_LINK_CLOSED',
  'SERVER_EPOCH_UNKNOWN',
  'SERVER_DRAINING',
]);
/** How long after a backend was lost it is tried again, if it was the faster one. */
const REJOIN_AFTER_MS = 5_000;

/**
 * The session core: one model, one live plan, and the requests that run on it. It knows neither browser nor Node.
 *
 * Plans are made one after the other; each is prepared while the one before still serves, and takes over at once.
 */
export class CoreSession implements Session {
  readonly #parts: SessionParts;
  readonly #hub = new EventHub();
  readonly #segments = new SharedSegments();
  readonly #epochs = new Set<Epoch>();
  readonly #backends = new Set<Backend>();
  readonly #codedBytes = new Map<string, number>();
  readonly #ending = new AbortController();
  readonly #scopes = new Scopes();
  readonly #reconnector: Reconnector<Uplink>;
  #goal: Goal;
  #uplink: Uplink | undefined;
  #known: { readonly profiles: readonly TierProfile[]; readonly links: readonly LinkEstimate[] };
  #live: Epoch | undefined;
  #lastEpoch = 0;
  #lastRequest = 0;
  #switching: Promise<unknown> = Promise.resolve();
  #outage: Error | undefined;

  /** Takes the parts over. Not usable before {@link start}. */
  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#goal = parts.goal;
    this.#known = { profiles: [], links: [] };
    this.#reconnector = new Reconnector((signal) => this.#connectEdge(signal), this.#ending.signal);
    if (parts.uplink !== undefined) this.#adopt(parts.uplink);
    this.#watchBackend(parts.device.backend);
  }

  get manifest(): Manifest {
    return this.#parts.model.manifest;
  }

  get sidecar(): Sidecar | undefined {
    return this.#parts.model.sidecar;
  }

  get report(): PlanReport {
    return this.#liveEpoch().parts.report;
  }

  get epoch(): number {
    return this.#liveEpoch().parts.number;
  }

  get profiles(): readonly TierProfile[] {
    return [this.#parts.device.profile, ...this.#known.profiles];
  }

  get links(): readonly LinkEstimate[] {
    return this.#known.links;
  }

  /** Makes the first plan and its epoch. @throws D3Error as {@link replan} */
  async start(bar: ProgressBar, signal?: AbortSignal): Promise<void> {
    const scope = this.#scopes.open({ signal });
    try {
      await this.#switchTo(this.#goal, { reason: 'connected', bar, signal: scope.signal });
    } finally {
      scope.end();
    }
  }

  on<E extends keyof SessionEvents>(event: E, listener: (detail: SessionEvents[E]) => void): () => void {
    return this.#hub.on(event, listener);
  }

  async replan(goal: Partial<Goal>): Promise<PlanReport> {
    this.#throwIfClosed();
    const next = { ...this.#goal, ...goal };
    const epoch = await this.#switchTo(next, { reason: 'another goal' });
    return epoch.parts.report;
  }

  async infer(input: InferInput, options: InferOptions = {}): Promise<InferResult> {
    const startedMs = performance.now();
    this.#throwIfClosed();
    options.signal?.throwIfAborted();
    const request = readInput(this.#parts.model, input);
    const { deadlineMs = DEADLINE_MS, signal } = options;
    this.#lastRequest += 1;
    const reason = clientError('CLIENT_DEADLINE_EXCEEDED', { request: this.#lastRequest, deadlineMs });
    const scope = this.#scopes.open({ signal, timeout: { afterMs: deadlineMs, reason } });
    try {
      const { epoch, run } = await this.#runSomewhere(request, scope.signal, startedMs + deadlineMs);
      const { outputs, placement, hops, crossed } = run;
      return {
        outputs,
        answers: this.sidecar === undefined ? [] : readAnswer(outputs, this.sidecar),
        placement,
        hops,
        totalMs: performance.now() - startedMs,
        epoch,
        ...(options.inspect === true && { crossed }),
      };
    } finally {
      scope.end();
    }
  }

  async close(): Promise<void> {
    await this.#end('close() was called');
  }

  /** Runs a request on the live epoch; on the next one if a tier was lost under it. */
  async #runSomewhere(
    input: RequestInput,
    signal: AbortSignal,
    deadlineAtMs: number,
  ): Promise<{ readonly epoch: number; readonly run: RequestRun }> {
    for (let attempt = 0; ; attempt += 1) {
      if (this.#outage !== undefined) throw this.#outage;
      const epoch = this.#liveEpoch();
      const letGo = epoch.hold();
      try {
        const run = await runRequest(epoch, { manifest: this.manifest, input, signal, deadlineAtMs });
        for (const { name, codedBytes } of run.sent) this.#codedBytes.set(name, codedBytes);
        return { epoch: epoch.parts.number, run };
      } catch (error) {
        const lost = isD3Error(error) && LOSSES.has(error.code);
        if (!lost || signal.aborted || attempt >= RETRIES || !(await this.#moved(epoch, signal))) throw error;
      } finally {
        letGo();
      }
    }
  }

  /** Waits for the plan that follows a loss, and tells whether there is one. */
  async #moved(epoch: Epoch, signal: AbortSignal): Promise<boolean> {
    // The loss itself is announced in a later turn than the failure of what ran.
    await abortable(new Promise((resolve) => setTimeout(resolve, 0)), signal);
    await abortable(this.#switching, signal).catch(() => undefined);
    return this.#outage !== undefined || this.#live !== epoch;
  }

  /** Plans, prepares and goes live, after every switch before it. */
  #switchTo(
    goal: Goal,
    how: { readonly reason: string; readonly bar?: ProgressBar; readonly signal?: AbortSignal },
  ): Promise<Epoch> {
    const work = this.#switching.then(() => this.#switchNow(goal, how));
    this.#switching = work.catch(() => undefined);
    return work;
  }

  async #switchNow(
    goal: Goal,
    { reason, bar, signal }: { readonly reason: string; readonly bar?: ProgressBar; readonly signal?: AbortSignal },
  ): Promise<Epoch> {
    this.#throwIfClosed();
    const { model, device } = this.#parts;
    const ownBar = bar ?? new ProgressBar((progress) => this.#hub.emit('progress', progress));
    ownBar.enter('plan');
    const { backend } = device;
    const uplink = this.#uplink?.draining === true ? undefined : this.#uplink;
    const reachable = uplink !== undefined;
    const situation = { profiles: this.profiles, links: this.links, reachable, codedBytes: this.#codedBytes };
    const plan = planSession(model, situation, goal);
    this.#lastEpoch += 1;
    const epoch = await makeEpoch({
      number: this.#lastEpoch,
      plan,
      model,
      backend,
      uplink,
      segments: this.#segments,
      bar: ownBar,
      signal: signal ?? this.#ending.signal,
      onRelease: (released) => this.#forget(released),
    });
    this.#goLive(epoch, goal, reason);
    return epoch;
  }

  #goLive(epoch: Epoch, goal: Goal, reason: string): void {
    this.#epochs.add(epoch);
    const before = this.#live;
    this.#live = epoch;
    this.#goal = goal;
    this.#outage = undefined;
    before?.retire();
    if (this.#ending.signal.aborted) {
      epoch.retire();
      this.#throwIfClosed();
    }
    this.#hub.emit('plan', { epoch: epoch.parts.number, report: epoch.parts.report, reason });
  }

  #forget(epoch: Epoch): void {
    this.#epochs.delete(epoch);
    this.#disposeIdleBackends();
  }

  #disposeIdleBackends(): void {
    const used = new Set([...this.#epochs].map(({ parts }) => parts.backend));
    for (const backend of this.#backends) {
      if (used.has(backend) || backend === this.#parts.device.backend) continue;
      this.#backends.delete(backend);
      void backend.dispose();
    }
  }

  #watchBackend(backend: Backend): void {
    this.#backends.add(backend);
    void backend.lost.then((reason) => {
      if (!this.#ending.signal.aborted && this.#parts.device.backend === backend)
        void this.#replaceBackend(backend, reason);
    });
  }

  async #replaceBackend(lost: Backend, reason: string): Promise<void> {
    const { device } = this.#parts;
    const replaced = this.#switching.then(() => device.use(this.manifest.totalFlops, lost.name));
    this.#switching = replaced.catch(() => undefined);
    this.#hub.emit('lost', { what: 'backend', reason: `${lost.name}: ${reason}` });
    try {
      this.#watchBackend(await replaced);
      await this.#switchTo(this.#goal, { reason: `${lost.name} was lost` });
      this.#rejoinLater(lost.name);
    } catch (error) {
      this.#fail(error);
    }
    this.#disposeIdleBackends();
  }

  /** Goes back to a backend that was lost, once, if it is the faster one. */
  #rejoinLater(name: string): void {
    const { device } = this.#parts;
    const flops = this.manifest.totalFlops;
    if (device.preferred(flops) !== name || device.backend.name === name) return;
    const timer = setTimeout(async () => {
      try {
        this.#watchBackend(await device.use(flops));
        await this.#switchTo(this.#goal, { reason: `${name} is back` });
      } catch (error) {
        this.#fail(error);
      }
      this.#disposeIdleBackends();
    }, REJOIN_AFTER_MS);
    this.#ending.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  #adopt(uplink: Uplink): void {
    this.#uplink = uplink;
    this.#learn(uplink);
    uplink.onStatus = () => {
      if (this.#uplink !== uplink) return;
      this.#learn(uplink);
      this.#hub.emit('status', { profiles: this.profiles, links: this.links });
    };
    uplink.onDraining = (reason) => void this.#leaveEdge(`draining: ${reason}`);
    void uplink.client.closed.then(({ code, reason }) => {
      if (this.#uplink !== uplink || this.#ending.signal.aborted) return;
      this.#uplink = undefined;
      void this.#leaveEdge(`the link closed with ${code}${reason === '' ? '' : ` (${reason})`}`);
      this.#reconnector.start();
    });
  }

  #learn({ profiles, links }: Uplink): void {
    this.#known = { profiles, links };
  }

  /** Plans without the edge; where the constraints forbid that, requests fail until it is back. */
  async #leaveEdge(reason: string): Promise<void> {
    const switched = this.#switchTo(this.#goal, { reason: `the edge was lost: ${reason}` });
    this.#hub.emit('lost', { what: 'edge', reason });
    try {
      await switched;
    } catch (cause) {
      if (this.#uplink?.draining === true) return; // it still finishes what runs; the closing decides
      const remedy = `${(cause as Error).message} It is tried again until the session is closed.`;
      this.#fail(
        clientError('CLIENT_EDGE_LOST', { edge: String(this.#parts.edge), problem: reason, remedy }, { cause }),
      );
    }
  }

  async #connectEdge(signal: AbortSignal): Promise<Uplink> {
    const { connectEdge } = this.#parts;
    if (connectEdge === undefined) throw new Error('This session has no edge');
    const uplink = await connectEdge(signal);
    this.#adopt(uplink);
    void this.#switchTo(this.#goal, { reason: 'the edge is back' }).catch((error: unknown) => this.#fail(error));
    return uplink;
  }

  /** Requests fail with `error` until a plan goes live again. */
  #fail(error: unknown): void {
    if (!this.#ending.signal.aborted) this.#outage = error as Error;
  }

  async #end(reason: string): Promise<void> {
    if (this.#ending.signal.aborted) return;
    const closed = clientError('CLIENT_CLOSED', { reason });
    this.#ending.abort(closed);
    this.#scopes.abortAll(closed);
    this.#live?.retire();
    this.#uplink?.client.close();
    await Promise.all([...this.#backends].map((backend) => backend.dispose()));
    await this.#parts.device.dispose();
    this.#hub.emit('closed', { reason });
    this.#hub.clear();
  }

  #liveEpoch(): Epoch {
    if (this.#live === undefined) throw clientError('CLIENT_CLOSED', { reason: 'it never became ready' });
    return this.#live;
  }

  #throwIfClosed(): void {
    if (this.#ending.signal.aborted) throw this.#ending.signal.reason;
  }
}
