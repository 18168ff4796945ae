import type { LinkEstimate, TierProfile } from '@d3/profile';
import { abortable, type Backend, SessionCache } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type { Epoch } from './epoch.ts';
import type { EventHub } from './event-hub.ts';
import type { LoadedModel } from './load-model.ts';
import { makeEpoch } from './make-epoch.ts';
import { type Goal, planSession } from './plan-session.ts';
import { ProgressBar } from './progress-bar.ts';
import type { Scopes } from './scopes.ts';
import type { Uplink } from './uplink.ts';

/** What there is to plan over, now. */
export interface Surroundings {
  readonly backend: Backend;
  /** Absent when no tier past the device can be used. */
  readonly uplink: Uplink | undefined;
  /** Device first; with the tiers that were known when the edge was there. */
  readonly profiles: readonly TierProfile[];
  readonly links: readonly LinkEstimate[];
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
  /** Default: the goal of the plan before it. */
  readonly goal?: Partial<Goal>;
  /** Done when its turn has come, before planning. */
  readonly before?: () => Promise<unknown>;
  /** Default: one that fires the event `progress`. */
  readonly bar?: ProgressBar;
  readonly signal?: AbortSignal | undefined;
}

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
  #switching: Promise<unknown> = Promise.resolve();
  #outage: Error | undefined;

  constructor(parts: LivePlanParts) {
    this.#parts = parts;
    this.#goal = parts.goal;
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
    const work = this.#switching.then(() => this.#switchNow(how));
    this.#switching = work.catch(() => undefined);
    return work;
  }

  /** Requests fail with `error` until a plan goes live again. */
  fail(error: unknown): void {
    this.#outage = error as Error;
  }

  /** After a loss under `epoch`: waits for what follows, and tells whether there is another plan, or an outage. */
  async movedFrom(epoch: Epoch, signal: AbortSignal): Promise<boolean> {
    // The loss is announced in a later turn than the failure of what ran.
    await abortable(new Promise((resolve) => setTimeout(resolve, 0)), signal);
    await abortable(this.#switching, signal);
    return this.#outage !== undefined || this.#live !== epoch;
  }

  /** Remembers what boundary tensors took on the wire, for the next plan. */
  learnCoded(sent: readonly { readonly name: string; readonly codedBytes: number }[]): void {
    for (const { name, codedBytes } of sent) this.#codedBytes.set(name, codedBytes);
  }

  /** The session ends: nothing new will begin. */
  retire(): void {
    this.#live?.retire();
  }

  async #switchNow({ reason, goal, before, bar, signal }: Switch): Promise<Epoch> {
    const { model, hub, scopes, look } = this.#parts;
    const scope = scopes.open({ signal });
    try {
      scope.signal.throwIfAborted();
      await before?.();
      const shown = bar ?? new ProgressBar((progress) => hub.emit('progress', progress));
      shown.enter('plan');
      const next = { ...this.#goal, ...goal };
      const { backend, uplink, profiles, links } = look();
      const reachable = uplink !== undefined;
      const plan = planSession(model, { profiles, links, reachable, codedBytes: this.#codedBytes }, next);
      this.#lastEpoch += 1;
      const epoch = await makeEpoch({
        number: this.#lastEpoch,
        plan,
        model,
        backend,
        uplink,
        segments: this.#segmentsOf(backend),
        bar: shown,
        signal: scope.signal,
        onRelease: (released) => this.#forget(released),
      });
      this.#goLive(epoch, next, scope.signal);
      hub.emit('plan', { epoch: epoch.parts.number, report: epoch.parts.report, reason });
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
    before?.retire();
  }

  #forget(epoch: Epoch): void {
    this.#epochs.delete(epoch);
    this.#parts.onRelease();
  }
}
