import { type Assignment, evaluate } from '@d3/partition';
import { type Backend, SessionCache, type SessionLease, sleep } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type { Epoch } from './epoch.ts';
import type { EventHub } from './event-hub.ts';
import { fetchSegment, segmentId } from './fetch-segment.ts';
import type { LoadedModel } from './load-model.ts';
import { makeEpoch } from './make-epoch.ts';
import { type ChosenPlan, type Goal, planSession, problemFor, reportOn, type Situation } from './plan-session.ts';
import { ProgressBar } from './progress-bar.ts';
import type { Scopes } from './scopes.ts';
import type { Uplink } from './uplink.ts';

/** What there is to plan over, now. */
export interface Surroundings extends Omit<Situation, 'codedBytes'> {
  readonly backend: Backend;
  /** Absent when no tier past the device can be used. */
  readonly uplink: Uplink | undefined;
}

/** A switch's effect, as events tell it. */
export interface SwitchEffect {
  /** Per request, in terms of the objective; 0 where the plan before could not go on. */
  readonly predictedGainMs: number;
  /** Weights that it fetches. */
  readonly bytes: number;
}

/** What a {@link LivePlan} works with. */
export interface LivePlanParts {
  readonly model: LoadedModel;
  readonly goal: Goal;
  readonly hub: EventHub;
  readonly scopes: Scopes;
  readonly look: () => Surroundings;
  /** Called when an epoch has been freed on every tier. */
  readonly onRelease: () => void;
}

/** One switch to another plan. */
export interface Switch {
  /** For the event `plan`. */
  readonly reason: string;
  /** For the event `plan`; absent where the switch was not made for its gain. */
  readonly effect?: SwitchEffect;
  /** The assignment to go over to, if it is still allowed when the switch's turn has come. Default: the best one then. */
  readonly decided?: Assignment;
  /** Default: the goal of the plan before it. */
  readonly goal?: Partial<Goal>;
  /** Done when its turn has come, before planning. */
  readonly before?: () => Promise<unknown>;
  /** Default: one that fires the event `progress`. */
  readonly bar?: ProgressBar;
  readonly signal?: AbortSignal | undefined;
  /** Something was lost: the device goes on from what it has prepared, and prepares only what it lacks. */
  readonly forced?: boolean;
  /** Others need not wait for it: one that is asked for meanwhile aborts it. */
  readonly background?: boolean;
  /** The device is not ready: it gets no layer. */
  readonly withoutDevice?: boolean;
  /** Default: the model of the plan before it. */
  readonly model?: LoadedModel;
}

/** Why a switch in the background was given up. */
const SUPERSEDED = 'another switch goes first';

/** A loss that is not announced within this time after what ran failed was none of a tier. */
const UNANNOUNCED_MS = 1_000;
const LOOK_AGAIN_MS = 5;
/** Expectations are not made anew for every request. */
const EXPECTATION_MS = 250;

/**
 * The plan in force. Switches are made one after the other; each new epoch is prepared on every tier while the one before still
 * serves, and takes over at once. If a switch fails, the epoch before stays.
 */
export class LivePlan {
  readonly #parts: LivePlanParts;
  readonly #segments = new WeakMap<Backend, SessionCache>();
  readonly #epochs = new Set<Epoch>();
  readonly #codedBytes = new Map<string, number>();
  #goal: Goal;
  #live: Epoch | undefined;
  #lastEpoch = 0;
  /** Begun and not ended. */
  #switches = 0;
  #switching: Promise<unknown> = Promise.resolve();
  #outage: Error | undefined;
  #model: LoadedModel;
  /** Of the switch in the background that is being made. */
  #background: AbortController | undefined;
  #expectation: { readonly epoch: Epoch; readonly atMs: number; readonly ms: number | undefined } | undefined;
  readonly #liveListeners = new Set<(epoch: Epoch) => void>();
  /** Layers that the live plan gives to others, prepared here. */
  #standby: { readonly epoch: Epoch; readonly lease: SessionLease } | undefined;

  constructor(parts: LivePlanParts) {
    this.#parts = parts;
    this.#goal = parts.goal;
    this.#model = parts.model;
  }

  /** The model of the live plan. */
  get model(): LoadedModel {
    return this.#model;
  }

  /** The live epoch. @throws D3Error `CLIENT_CLOSED` before the first */
  get epoch(): Epoch {
    if (this.#live === undefined) throw clientError('CLIENT_CLOSED', { reason: 'it never became ready' });
    return this.#live;
  }

  /** The live epoch, for a request. @throws the error of an outage, as long as there is one */
  get usableEpoch(): Epoch {
    if (this.#outage !== undefined) throw this.#outage;
    return this.epoch;
  }

  /** Backends that any epoch, live or retired, still uses. */
  get backends(): ReadonlySet<Backend> {
    return new Set([...this.#epochs].map((epoch) => epoch.parts.backend));
  }

  /**
   * Plans, prepares and goes live, after every switch before it. An outage is over then.
   *
   * @throws D3Error `CLIENT_PLAN_INFEASIBLE`, and what preparing throws on any tier; the reason of an abort
   */
  switchTo(how: Switch): Promise<Epoch> {
    this.#switches += 1;
    this.#background?.abort(new Error(SUPERSEDED));
    const work = this.#switching
      .then(() => this.#switchNow(how))
      .finally(() => {
        this.#switches -= 1;
      });
    this.#switching = work.catch(() => undefined);
    return work;
  }

  /** Requests fail with `error` until a plan goes live again. */
  fail(error: unknown): void {
    this.#outage = error as Error;
  }

  /** The goal of the live plan. */
  get goal(): Goal {
    return this.#goal;
  }

  /** What is known for the next plan. */
  get situation(): Situation {
    return this.#situation();
  }

  /** Links that any epoch, live or retired, still uses. */
  get uplinks(): ReadonlySet<Uplink> {
    return new Set([...this.#epochs].flatMap((epoch) => epoch.parts.uplink ?? []));
  }

  /** Counts as a switch in the making until `work` has ended: requests that lost a tier wait for what it leads to. */
  async recover(work: () => Promise<void>): Promise<void> {
    this.#switches += 1;
    try {
      await work();
    } finally {
      this.#switches -= 1;
    }
  }

  /** Whether requests fail until another plan goes live. */
  get failing(): boolean {
    return this.#outage !== undefined;
  }

  /** Whether there is a live plan. */
  get ready(): boolean {
    return this.#live !== undefined;
  }

  /** Whether a switch is being made. */
  get switching(): boolean {
    return this.#switches > 0;
  }

  /**
   * After a loss under `epoch`: waits for what follows, and tells whether there is another plan, or an outage. A loss is announced
   * later than the failure of what ran, and it may take a while to find a way on; one that nothing follows was none of ours.
   */
  async movedFrom(epoch: Epoch, signal: AbortSignal): Promise<boolean> {
    const moved = () => this.#outage !== undefined || this.#live !== epoch;
    const endsMs = performance.now() + UNANNOUNCED_MS;
    while (!moved() && (this.switching || performance.now() < endsMs)) {
      await sleep(LOOK_AGAIN_MS, signal);
      signal.throwIfAborted();
    }
    return moved();
  }

  /** Calls `listener` with every epoch that goes live; the returned function ends that. */
  onLive(listener: (epoch: Epoch) => void): () => void {
    this.#liveListeners.add(listener);
    return () => void this.#liveListeners.delete(listener);
  }

  /**
   * How long a request is expected to take on an epoch by what is known now, in milliseconds; undefined when that cannot be told.
   *
   * @param sentMs - when its boundary went out: what is left from then on, the link's present silence taken to go on for as long again
   */
  outlook({ parts }: Epoch, sentMs?: number): number | undefined {
    const { situation, goal } = this;
    const { tierOf, report } = parts;
    if (situation.profiles.map(({ tier }) => tier).join() !== report.problem.tiers.join()) return undefined;
    const problem = problemFor(parts.model, situation, { goal, fittedTo: tierOf });
    const { latencyMs, breakdown } = evaluate(problem, tierOf);
    if (sentMs === undefined) return latencyMs;
    const { stalledMs } = situation;
    const deviceMs = (breakdown.computeMs[0] ?? 0) + (tierOf.includes(0) ? (problem.tierFixedMs[0] ?? 0) : 0);
    return Math.max(0, sentMs + latencyMs - deviceMs - stalledMs - performance.now()) + stalledMs;
  }

  /** What a request on an epoch was expected to take, within the last quarter of a second; undefined when that cannot be told. */
  expectation(epoch: Epoch): number | undefined {
    const nowMs = performance.now();
    const known = this.#expectation;
    if (known?.epoch === epoch && nowMs - known.atMs < EXPECTATION_MS) return known.ms;
    this.#expectation = { epoch, atMs: nowMs, ms: this.outlook(epoch) };
    return this.#expectation.ms;
  }

  /**
   * Prepares on the device the layers that the live plan gives to others, so that it can go on alone at once. Kept until another plan
   * goes live. Does nothing where there are none.
   *
   * @throws D3Error what fetching and preparing throw; the signal's reason when aborted
   */
  async prepareAlone(signal: AbortSignal): Promise<void> {
    const epoch = this.#live;
    if (epoch === undefined || this.#standby?.epoch === epoch) return;
    const { backend, stages } = epoch.parts;
    const mine = new Set(stages.flatMap(({ layers }) => layers));
    const layers = this.#model.manifest.layers.map((_, layer) => layer).filter((layer) => !mine.has(layer));
    if (layers.length === 0) return;
    const id = await segmentId(this.#model, backend, layers);
    const progress = { expectBytes: () => undefined, count: () => undefined, loaded: () => undefined };
    const spec = () => fetchSegment(this.#model, { id, layers, progress, signal });
    const lease = await this.#segmentsOf(backend).lend(id, spec, { signal });
    if (this.#live !== epoch || signal.aborted) return lease.release();
    this.#standby = { epoch, lease };
  }

  /** Remembers what boundary tensors took on the wire, for the next plan. */
  learnCoded(sent: readonly { readonly name: string; readonly codedBytes: number }[]): void {
    for (const { name, codedBytes } of sent) this.#codedBytes.set(name, codedBytes);
  }

  /** The session ends: nothing new will begin. */
  retire(): void {
    this.#standby?.lease.release();
    this.#standby = undefined;
    this.#live?.retire();
  }

  async #switchNow(how: Switch): Promise<Epoch> {
    if (how.background !== true) return await this.#make(how);
    this.#background = new AbortController();
    try {
      // Whoever asked meanwhile waits already.
      if (this.#switches > 1) throw new Error(SUPERSEDED);
      return await this.#make({ ...how, signal: this.#background.signal });
    } finally {
      this.#background = undefined;
    }
  }

  async #make(how: Switch): Promise<Epoch> {
    const { reason, effect, before, bar, signal, forced = false, model = this.#model } = how;
    const { hub, scopes } = this.#parts;
    const scope = scopes.open({ signal });
    try {
      scope.signal.throwIfAborted();
      await before?.();
      const shown = bar ?? new ProgressBar((progress) => hub.emit('progress', progress));
      shown.enter('plan');
      const { backend, uplink, ...situation } = this.#situation(how.withoutDevice);
      const goal = { ...this.#goal, ...how.goal };
      const plan = planFor(model, situation, { goal, decided: how.decided });
      this.#lastEpoch += 1;
      const epoch = await makeEpoch({
        number: this.#lastEpoch,
        plan,
        model,
        backend,
        uplink,
        segments: this.#segmentsOf(backend),
        onto: forced && model === this.#model ? this.#preparedOn(backend) : [],
        bar: shown,
        signal: scope.signal,
        onRelease: (released) => this.#forget(released),
      });
      this.#goLive(epoch, goal, scope.signal);
      this.#adoptModel(model);
      hub.emit('plan', { epoch: epoch.parts.number, report: epoch.parts.report, reason, ...effect });
      return epoch;
    } finally {
      scope.end();
    }
  }

  /** What epochs that cut the same share: switching between them costs the device nothing. Unused segments are freed at once. */
  #segmentsOf(backend: Backend): SessionCache {
    const known = this.#segments.get(backend);
    if (known !== undefined) return known;
    const segments = new SessionCache(backend, { maxWeightBytes: 0 });
    this.#segments.set(backend, segments);
    return segments;
  }

  #adoptModel(model: LoadedModel): void {
    if (model === this.#model) return;
    this.#model = model;
    this.#codedBytes.clear();
    this.#parts.hub.emit('model', { manifest: model.manifest, sidecar: model.sidecar });
  }

  #situation(withoutDevice = false): Situation & Surroundings {
    const seen = this.#parts.look();
    const device = withoutDevice ? seen.profiles.slice(0, 1).map(({ tier }) => tier) : [];
    return { ...seen, away: [...seen.away, ...device], codedBytes: this.#codedBytes };
  }

  /** Layers that the device has prepared for the live plan, stage by stage. */
  #preparedOn(backend: Backend): readonly (readonly number[])[] {
    const parts = this.#live?.parts;
    return parts?.backend === backend ? parts.stages.map(({ layers }) => layers) : [];
  }

  #goLive(epoch: Epoch, goal: Goal, signal: AbortSignal): void {
    this.#epochs.add(epoch);
    if (signal.aborted) {
      epoch.retire();
      throw signal.reason;
    }
    const before = this.#live;
    this.#live = epoch;
    this.#goal = goal;
    this.#outage = undefined;
    // What the new epoch uses of it is lent to that as well.
    this.#standby?.lease.release();
    this.#standby = undefined;
    before?.retire();
    for (const listener of [...this.#liveListeners]) listener(epoch);
  }

  #forget(epoch: Epoch): void {
    this.#epochs.delete(epoch);
    this.#parts.onRelease();
  }
}

function planFor(
  model: LoadedModel,
  situation: Situation,
  { goal, decided }: { readonly goal: Goal; readonly decided: Assignment | undefined },
): ChosenPlan {
  const plan = decided && reportOn(model, situation, { goal, decided });
  return plan ?? planSession(model, situation, goal);
}
