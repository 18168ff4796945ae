import {
  type AdaptationOptions,
  AdaptationPolicy,
  expectedLink,
  isOverdue,
  type PendingTransfer,
  type SwitchTo,
  stalledMs,
} from '@d3/client/adaptation';
import { type Assignment, isPlan, optimal, type PreparedGraph, type Problem } from '@d3/partition';
import { type LinkDirection, type LinkEstimate, LinkEstimator } from '@d3/profile';
import { type Connection, messageMarks, openConnection } from './fixed-runs.ts';
import { withFirstHop } from './network-costs.ts';
import { type PlanCosts, planCosts } from './plan-costs.ts';
import type { LinkTimeline } from './simulated-link.ts';
import { VirtualClock } from './virtual-clock.ts';

/** A switch that went live. */
export interface SimulatedSwitch {
  readonly atMs: number;
  readonly reason: string;
  readonly plan: PlanCosts;
}

/** What a session did. */
export interface AdaptiveResult {
  /** When the first request began: the link was measured by then. */
  readonly startMs: number;
  readonly endMs: number;
  readonly requests: number;
  readonly switches: readonly SimulatedSwitch[];
  /** Requests that were run again on the plan after because the one before stood still. */
  readonly rescued: number;
  readonly estimates: readonly { readonly atMs: number; readonly estimate: LinkEstimate; readonly what: string }[];
}

/** What is simulated. */
export interface AdaptiveRunOptions {
  readonly problem: Problem;
  readonly graph: PreparedGraph;
  readonly timeline: LinkTimeline;
  readonly policy?: AdaptationOptions;
  /** The run ends with the first request that ends so long after the first one began. */
  readonly forMs: number;
}

const TICK_MS = 250;
const PING_MS = 2500;
const PING_BYTES = 60;
const HEADER_BYTES = 300;
/** Building a segment: a constant, and the weights at the speed of memory. */
const BUILD_MS = 20;
const BUILD_BYTES_PER_MS = 2e6;
/** Preparing on the tiers past the device, besides the round trip. */
const PREPARE_MS = 20;

/** What a switch to a plan costs the device. Weights are taken to be cached. */
export function buildMs(plan: PlanCosts): number {
  return plan.deviceWeightBytes === 0 ? 0 : BUILD_MS + plan.deviceWeightBytes / BUILD_BYTES_PER_MS;
}

interface Request {
  readonly plan: PlanCosts;
  readonly startMs: number;
  /** What it was expected to take then. */
  readonly expectedMs: number;
  /** When the device has done its part. */
  readonly cutMs: number;
  sentMs: number | undefined;
  done: boolean;
}

/** A session with one request after the other, its estimator, its policy and its probes, on a virtual clock. */
export class AdaptiveRun {
  readonly #options: AdaptiveRunOptions;
  readonly #clock = new VirtualClock(0);
  readonly #connection: Connection;
  readonly #estimator = new LinkEstimator();
  readonly #policy: AdaptationPolicy;
  readonly #costs = new Map<string, PlanCosts>();
  readonly #pending = new Set<PendingTransfer>();
  readonly #switches: SimulatedSwitch[] = [];
  readonly #estimates: { atMs: number; estimate: LinkEstimate; what: string }[] = [];
  #live: PlanCosts;
  #switching = false;
  #deviceFreeMs = 0;
  #probing: Record<LinkDirection, boolean> = { up: false, down: false };
  #request: Request | undefined;
  #startMs = Number.NaN;
  #lastEndMs = Number.NEGATIVE_INFINITY;
  #requests = 0;
  #rescued = 0;
  #latencies: number[] = [];

  constructor(options: AdaptiveRunOptions) {
    this.#options = options;
    this.#connection = openConnection(options.timeline);
    this.#policy = new AdaptationPolicy(options.problem, options.policy);
    this.#live = this.#costsOf(options.problem.layers.map(() => 0));
  }

  run(): AdaptiveResult {
    const { forMs } = this.#options;
    this.#ping();
    this.#tick();
    this.#clock.runUntil(() => this.#lastEndMs - this.#startMs >= forMs);
    return {
      startMs: this.#startMs,
      endMs: this.#lastEndMs,
      requests: this.#requests,
      switches: this.#switches,
      rescued: this.#rescued,
      estimates: this.#estimates,
    };
  }

  /** The first plan, once the link is known. */
  #begin(): void {
    const problem = this.#problemFor(this.#live.tierOf);
    const plan = optimal.plan(problem, this.#options.graph);
    if (!isPlan(plan)) throw new RangeError(plan.infeasible);
    this.#live = this.#costsOf(plan.tierOf);
    this.#policy.adopted(this.#clock.nowMs, problem);
    this.#startMs = this.#clock.nowMs;
    this.#next();
  }

  #next(): void {
    const nowMs = this.#clock.nowMs;
    const plan = this.#live;
    const cutMs = (plan.deviceMs > 0 ? Math.max(nowMs, this.#deviceFreeMs) : nowMs) + plan.deviceMs;
    const expectedMs = cutMs - nowMs + this.#linkMs(plan);
    const request: Request = { plan, startMs: nowMs, expectedMs, cutMs, sentMs: undefined, done: false };
    this.#request = request;
    if (plan.deviceMs > 0) this.#deviceFreeMs = cutMs;
    this.#clock.at(cutMs, () => {
      if (plan.upBytes === 0) this.#finish(request);
      else this.#send(request, plan);
    });
  }

  #send(request: Request, plan: PlanCosts): void {
    request.sentMs = this.#clock.nowMs;
    this.#transfer('up', plan.upBytes, {
      probe: false,
      arrived: () => {
        this.#clock.at(this.#clock.nowMs + plan.remoteMs, () => {
          const [endMs = Number.POSITIVE_INFINITY] = this.#connection.down.send(this.#clock.nowMs, [plan.downBytes]);
          this.#clock.at(endMs, () => this.#finish(request));
        });
      },
    });
  }

  #finish(request: Request): void {
    if (request.done) return;
    request.done = true;
    this.#requests += 1;
    this.#lastEndMs = this.#clock.nowMs;
    this.#latencies = [...this.#latencies, this.#clock.nowMs - request.startMs].slice(-5);
    this.#next();
  }

  /** Sends something that is timed: the receiver's clock starts with a header, and the near side learns of it. */
  #transfer(
    direction: LinkDirection,
    bytes: number,
    { probe, arrived }: { readonly probe: boolean; readonly arrived?: () => void },
  ): void {
    const sentMs = this.#clock.nowMs;
    const pending = { direction, bytes, sentMs };
    this.#pending.add(pending);
    const flow = this.#connection[direction];
    const [headMs = sentMs, ...rest] = flow.send(sentMs, [
      HEADER_BYTES,
      ...messageMarks(bytes).map((mark) => mark + HEADER_BYTES),
    ]);
    const endMs = rest.at(-1) ?? headMs;
    const arrivals = messageMarks(bytes).map((mark, index) => ({ ms: (rest[index] ?? endMs) - headMs, bytes: mark }));
    const hear = () => {
      this.#pending.delete(pending);
      if (probe) this.#probing[direction] = false;
      const ms = Math.max(0.01, endMs - headMs);
      this.#estimator.transfer({ direction, bytes, ms, atMs: this.#clock.nowMs, arrivals, probe });
      this.#heard(`${direction} ${bytes} ${ms.toFixed(0)} ${probe}`);
    };
    this.#clock.at(endMs, () => {
      arrived?.();
      if (direction === 'down') return hear();
      const [heardMs = endMs] = this.#connection.down.send(this.#clock.nowMs, [HEADER_BYTES]);
      this.#clock.at(heardMs, hear);
    });
  }

  #heard(what: string): void {
    this.#estimates.push({ atMs: this.#clock.nowMs, estimate: this.#estimator.estimate(), what });
    if (Number.isNaN(this.#startMs)) {
      if (this.#settled()) this.#begin();
    } else this.#consider();
  }

  #settled(): boolean {
    return this.#estimator.measured && this.#estimator.probeBytes(this.#clock.nowMs, 'up') === undefined;
  }

  #ping(): void {
    const sentMs = this.#clock.nowMs;
    const [thereMs = sentMs] = this.#connection.up.send(sentMs, [PING_BYTES]);
    this.#clock.at(thereMs, () => {
      const [backMs = thereMs] = this.#connection.down.send(this.#clock.nowMs, [PING_BYTES]);
      this.#clock.at(backMs, () => {
        this.#estimator.roundTrip(this.#clock.nowMs - sentMs, this.#clock.nowMs);
        this.#clock.at(Math.max(this.#clock.nowMs, sentMs + PING_MS), () => this.#ping());
      });
    });
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs;
    for (const direction of ['up', 'down'] as const) {
      const busy = this.#probing[direction] || [...this.#pending].some((each) => each.direction === direction);
      const bytes = busy ? undefined : this.#estimator.probeBytes(nowMs, direction);
      if (bytes === undefined) continue;
      this.#probing[direction] = true;
      this.#transfer(direction, bytes, { probe: true });
    }
    if (!Number.isNaN(this.#startMs)) this.#consider();
    this.#clock.at(nowMs + TICK_MS, () => this.#tick());
  }

  #consider(): void {
    if (this.#switching) return;
    const current = this.#live.tierOf;
    const problem = this.#problemFor(current);
    const verdict = this.#policy.consider({
      nowMs: this.#clock.nowMs,
      problem,
      problemFor: (tierOf) => this.#problemFor(tierOf),
      current,
      requestsPerSecond: 1000 / Math.max(1, mean(this.#latencies)),
      switchCost: (tierOf) => ({ bytes: 0, ms: buildMs(this.#costsOf(tierOf)) }),
    });
    if (verdict.kind === 'switch') this.#prepare(verdict, problem);
  }

  #prepare(verdict: SwitchTo, problem: Problem): void {
    const plan = this.#costsOf(verdict.tierOf);
    const nowMs = this.#clock.nowMs;
    this.#switching = true;
    const cost = buildMs(plan);
    if (cost > 0) this.#deviceFreeMs = Math.max(this.#deviceFreeMs, nowMs) + cost;
    const builtMs = cost > 0 ? this.#deviceFreeMs : nowMs;
    const proposedMs = plan.upBytes === 0 ? nowMs : this.#proposedMs();
    this.#clock.at(Math.max(builtMs, proposedMs), () => {
      this.#switching = false;
      this.#live = plan;
      this.#policy.adopted(this.#clock.nowMs, problem);
      this.#switches.push({ atMs: this.#clock.nowMs, reason: verdict.reason, plan });
      this.#rescue(plan);
    });
  }

  #proposedMs(): number {
    const [thereMs = 0] = this.#connection.up.send(this.#clock.nowMs, [HEADER_BYTES]);
    const [backMs = 0] = this.#connection.down.send(thereMs + PREPARE_MS, [HEADER_BYTES]);
    return backMs;
  }

  /** A request that is held up, and that the new plan would answer sooner, is run there too; the first answer counts. */
  #rescue(plan: PlanCosts): void {
    const request = this.#request;
    if (request === undefined || request.done) return;
    const nowMs = this.#clock.nowMs;
    const leftMs = this.#leftMs(request);
    if (!isOverdue({ expectedMs: request.expectedMs, elapsedMs: nowMs - request.startMs, leftMs })) return;
    const resumes = request.sentMs !== undefined && plan.upBytes === 0;
    const deviceMs = resumes ? request.plan.restMs : plan.deviceMs;
    const startMs = deviceMs > 0 ? Math.max(nowMs, this.#deviceFreeMs) : nowMs;
    if (startMs - nowMs + deviceMs + this.#linkMs(plan) >= leftMs) return;
    this.#rescued += 1;
    if (deviceMs > 0) this.#deviceFreeMs = startMs + deviceMs;
    this.#clock.at(startMs + deviceMs, () => {
      if (request.done) return;
      if (plan.upBytes === 0) this.#finish(request);
      else this.#send(request, plan);
    });
  }

  /** When a request will be answered on its plan, by what is believed. */
  #leftMs(request: Request): number {
    const { plan, sentMs, cutMs } = request;
    const nowMs = this.#clock.nowMs;
    if (sentMs === undefined) return cutMs - nowMs + this.#linkMs(plan);
    const estimate = this.#estimator.estimate();
    const stall = stalledMs({ nowMs, estimate, pending: [...this.#pending] });
    return Math.max(0, sentMs + this.#linkMs(plan) - stall - nowMs) + stall;
  }

  /** From the cut to the answer. */
  #linkMs(plan: PlanCosts): number {
    if (plan.upBytes === 0) return 0;
    const [hop] = this.#problemFor(plan.tierOf).hops;
    if (hop === undefined) return 0;
    return 2 * hop.delayMs + plan.upBytes / hop.upBytesPerMs + plan.remoteMs + plan.downBytes / hop.downBytesPerMs;
  }

  #problemFor(tierOf: Assignment): Problem {
    const plan = this.#costsOf(tierOf);
    const nowMs = this.#clock.nowMs;
    const estimate = this.#estimator.estimate();
    const hop = expectedLink({
      nowMs,
      estimate,
      ramp: this.#estimator.ramp(nowMs),
      pending: [...this.#pending],
      bytes: { up: plan.upBytes, down: plan.downBytes },
      restMs: plan.deviceMs + plan.remoteMs + 2 * estimate.delayMs,
    });
    return withFirstHop(this.#options.problem, hop);
  }

  #costsOf(tierOf: Assignment): PlanCosts {
    const key = tierOf.join('');
    const known = this.#costs.get(key);
    if (known !== undefined) return known;
    const costs = planCosts(this.#options.problem, tierOf);
    this.#costs.set(key, costs);
    return costs;
  }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 1000 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
