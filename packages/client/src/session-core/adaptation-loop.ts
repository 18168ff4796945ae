import { AdaptationPolicy, type Declined, type SwitchCost } from '../adaptation/index.ts';
import type { EventHub } from './event-hub.ts';
import type { LivePlan } from './live-plan.ts';
import { problemFor } from './plan-session.ts';

/** What an {@link AdaptationLoop} works with. */
export interface AdaptationParts {
  readonly plan: LivePlan;
  readonly hub: EventHub;
  /** Aborted when the session ends. */
  readonly ending: AbortSignal;
}

/** Looks follow each other no faster: an estimate that leaves its band does so in several steps. */
const LEAST_PAUSE_MS = 100;
/** Planning for a stream takes a while, and what streams through this thread waits for it: most of the time is the stream's. */
const PAUSE_PER_LOOK = 40;
const LONGEST_PAUSE_MS = 5_000;
/** While something is under way, silence tells as well. */
const WATCH_EVERY_MS = 250;
const RATE_OVER_MS = 10_000;
/** Fewer requests say nothing of how often they come. */
const LEAST_REQUESTS = 3;
/** Building a segment: a constant, and its weights at the speed of memory. */
const BUILD_MS = 20;
const BUILD_BYTES_PER_MS = 2e6;

/** Looks, whenever something changed, whether the session should leave its plan, and has it switch. */
export class AdaptationLoop {
  readonly #parts: AdaptationParts;
  #policy: AdaptationPolicy;
  #begunMs: number[] = [];
  #running = 0;
  #timer: { readonly atMs: number; readonly id: ReturnType<typeof setTimeout> } | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** What the last look took. */
  #lookMs = 0;
  /** What was said to stand against which kind of plan since the last switch. */
  readonly #said = new Set<string>();

  constructor(parts: AdaptationParts) {
    this.#parts = parts;
    this.#policy = new AdaptationPolicy(parts.plan.model.manifest);
    parts.hub.on('model', ({ manifest }) => {
      this.#policy = new AdaptationPolicy(manifest);
    });
    parts.hub.on('plan', ({ report }) => {
      this.#said.clear();
      this.#policy.adopted(performance.now(), report.problem);
    });
    parts.ending.addEventListener('abort', () => clearTimeout(this.#timer?.id), { once: true });
  }

  /** Requests that run now. */
  get running(): number {
    return this.#running;
  }

  /** How long the link rests between two requests, roughly; undefined when too few came of late to tell. */
  get restMs(): number | undefined {
    const perSecond = this.#requestsPerSecond();
    return this.#begunMs.length < LEAST_REQUESTS || perSecond === 0 ? undefined : 1000 / perSecond;
  }

  /** A request begins; the returned function says that it ended. */
  begin(): () => void {
    const nowMs = performance.now();
    this.#begunMs = [...this.#begunMs.filter((ms) => ms > nowMs - RATE_OVER_MS), nowMs];
    this.#running += 1;
    this.#lookIn(WATCH_EVERY_MS);
    return () => {
      this.#running -= 1;
      this.changed();
    };
  }

  /** An estimate, a load, or what is known of sizes changed. */
  changed(): void {
    this.#lookIn(0);
  }

  /** Looks in `ms`, or as soon as it may after the look before. */
  #lookIn(leastMs: number): void {
    const { ending } = this.#parts;
    const nowMs = performance.now();
    const ms = Math.max(leastMs, this.#lookedMs + this.#pauseMs - nowMs);
    const atMs = nowMs + ms;
    if (ending.aborted || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return;
    clearTimeout(this.#timer?.id);
    const id = setTimeout(() => {
      this.#timer = undefined;
      this.#lookedMs = performance.now();
      this.#look(this.#lookedMs);
      this.#lookMs = performance.now() - this.#lookedMs;
      if (this.#running > 0) this.#lookIn(WATCH_EVERY_MS);
    }, ms);
    this.#timer = { atMs, id };
  }

  /** Between two looks. */
  get #pauseMs(): number {
    if (this.#parts.plan.goal.objective !== 'throughput') return LEAST_PAUSE_MS;
    return Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, PAUSE_PER_LOOK * this.#lookMs));
  }

  #look(nowMs: number): void {
    const { plan, hub } = this.#parts;
    if (!plan.ready || plan.switching || plan.failing) return;
    const { report, tierOf: current } = plan.epoch.parts;
    const { goal, situation } = plan;
    const tiers = situation.profiles.map(({ tier }) => tier).join();
    // A session whose tiers come and go is planned anew by whoever noticed.
    if (situation.profiles.length < 2 || tiers !== report.problem.tiers.join()) return;
    const { model } = plan;
    const fitted = (fittedTo: readonly number[]) => problemFor(model, situation, { goal, fittedTo });
    const verdict = this.#policy.consider({
      nowMs,
      problem: fitted(current),
      problemFor: fitted,
      current,
      requestsPerSecond: this.#requestsPerSecond(),
      switchCost: (tierOf) => this.#costOf(tierOf),
    });
    if (verdict.kind === 'declined') this.#decline(verdict);
    if (verdict.kind !== 'switch') return;
    const { reason, tierOf: decided, predictedGainMs, bytes } = verdict;
    plan.switchTo({ reason, decided, effect: { predictedGainMs, bytes }, background: true }).catch((error: Error) => {
      hub.emit('considered', {
        reason: `the switch failed: ${error.message}`,
        obstacle: 'failure',
        ...{ tierOf: decided, predictedGainMs, bytes },
      });
    });
  }

  #decline({ obstacle, reason, tierOf, predictedGainMs, bytes, againInMs }: Declined): void {
    if (againInMs !== undefined) this.#lookIn(againInMs);
    // Plans over the same tiers whose borders differ by a layer or two are one and the same to whoever reads it.
    const what = `${obstacle} ${[...new Set(tierOf)].toSorted().join()}`;
    if (this.#said.has(what)) return;
    this.#said.add(what);
    this.#parts.hub.emit('considered', { reason, obstacle, tierOf, predictedGainMs, bytes });
  }

  #requestsPerSecond(): number {
    const nowMs = performance.now();
    const recent = this.#begunMs.filter((ms) => ms > nowMs - RATE_OVER_MS);
    const [first] = recent;
    return first === undefined ? 0 : (recent.length * 1000) / Math.max(1000, nowMs - first);
  }

  #costOf(tierOf: readonly number[]): SwitchCost {
    const { plan } = this.#parts;
    const { manifest, store } = plan.model;
    const layers = manifest.layers.filter((_, index) => tierOf[index] === 0);
    const weights = new Map(layers.flatMap((layer) => (layer.weights ?? []).map(({ id, bytes }) => [id, bytes])));
    const all = [...weights.values()].reduce((sum, bytes) => sum + bytes, 0);
    const missing = [...weights].reduce((sum, [id, bytes]) => sum + (store.holds(id) ? 0 : bytes), 0);
    const [link] = plan.situation.links;
    const fetchMs = link === undefined ? 0 : missing / link.downBytesPerMs;
    return { bytes: missing, ms: fetchMs + (layers.length === 0 ? 0 : BUILD_MS + all / BUILD_BYTES_PER_MS) };
  }
}
