import { isD3Error } from '@d3/errors';
import type { HopTiming, SegmentTiming } from '@d3/protocol';
import { abortable } from '@d3/runtime';
import { isOverdue } from '../adaptation/index.ts';
import { DeviceWork } from './device-work.ts';
import type { Epoch } from './epoch.ts';
import type { LivePlan } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';
import type { RequestInput } from './request-input.ts';
import { type RequestRun, runRequest } from './run-request.ts';
import { sentBehind } from './sent-behind.ts';

/** What a {@link RequestRunner} works with. */
export interface RunnerParts {
  readonly plan: LivePlan;
  /** Told of each segment that ran on the device, and what it took on the way to the backend and back. */
  readonly onRun: (timing: SegmentTiming, handoffMs: number) => void;
  /** Told of the hops that a request crossed. */
  readonly onHops: (hops: RequestRun['hops']) => void;
}

/** How long a request may take. */
export interface RequestLimits {
  readonly signal: AbortSignal;
  /** On the clock of `performance.now()`. */
  readonly deadlineAtMs: number;
}

/** Makes a model's inputs of what the caller gave. */
export type ReadFor = (model: LoadedModel) => Promise<RequestInput>;

/** An answer, and the epoch that gave it. */
export interface Answered {
  readonly epoch: Epoch;
  readonly run: RequestRun;
}

type Outcome = { readonly answer: Answered } | { readonly error: unknown };

/** A request on one epoch. */
interface Attempt {
  readonly epoch: Epoch;
  readonly work: DeviceWork;
  readonly outcome: Promise<Outcome>;
  readonly startedMs: number;
  /** What it was expected to take then; undefined when that could not be told. */
  readonly expectedMs: number | undefined;
  /** When its boundary went out. */
  sentMs?: number;
  stop(): void;
}

/** Losses that one request survives, within its deadline. */
const RETRIES = 8;
/** Errors after which a request may run again on the plan that follows. */
const LOSSES: ReadonlySet<string> = new Set([
  'RUNTIME_LOST',
  'RUNTIME_DISPOSED',
  'PROTOCOL_LINK_CLOSED',
  'SERVER_EPOCH_UNKNOWN',
  'SERVER_DRAINING',
  'SERVER_UPSTREAM_LOST',
]);

/**
 * Runs requests on the live plan. One under which a tier is lost runs again on the plan that follows, from what the device has made
 * for it; one that a new plan would answer sooner than the tiers it waits for is run there as well, and the first answer counts.
 */
export class RequestRunner {
  readonly #parts: RunnerParts;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /**
   * Runs one request.
   *
   * @throws D3Error what reading the input, a tier or the link says, or why no plan is left; the signal's reason when aborted
   */
  async run(readFor: ReadFor, limits: RequestLimits): Promise<Answered> {
    const { plan } = this.#parts;
    let model = plan.usableEpoch.parts.model;
    let input = await abortable(readFor(model), limits.signal);
    let work = new DeviceWork();
    for (let attempt = 0; ; attempt += 1) {
      const epoch = plan.usableEpoch;
      if (epoch.parts.model !== model) {
        // A new version may read its input otherwise, and nothing that was made is of use to it.
        model = epoch.parts.model;
        input = await abortable(readFor(model), limits.signal);
        work = new DeviceWork();
        if (plan.usableEpoch !== epoch) continue;
      }
      try {
        return await this.#runFrom(epoch, work, { input, ...limits });
      } catch (error) {
        const lost = isD3Error(error) && LOSSES.has(error.code);
        if (!lost || limits.signal.aborted || attempt >= RETRIES) throw error;
        // An upstream that came back before it was missed is there again for the same plan.
        const moved = await plan.movedFrom(epoch, limits.signal);
        if (!moved && error.code !== 'SERVER_UPSTREAM_LOST') throw error;
        work = new DeviceWork(work);
      }
    }
  }

  async #runFrom(
    epoch: Epoch,
    work: DeviceWork,
    request: RequestLimits & { readonly input: RequestInput },
  ): Promise<Answered> {
    const attempts = new Set([this.#begin(epoch, work, request)]);
    let wake: () => void = () => undefined;
    const unwatch = this.#parts.plan.onLive((next) => {
      const [only, ...others] = attempts;
      if (only === undefined || others.length > 0 || !this.#isLate(only, next)) return;
      attempts.add(this.#begin(next, new DeviceWork(only.work), request));
      wake();
    });
    try {
      for (;;) {
        const woken = new Promise<undefined>((resolve) => {
          wake = () => resolve(undefined);
        });
        const ended = [...attempts].map(async (attempt) => ({ attempt, outcome: await attempt.outcome }));
        const first = await Promise.race([woken, ...ended]);
        if (first === undefined) continue;
        attempts.delete(first.attempt);
        if ('answer' in first.outcome) return first.outcome.answer;
        if (attempts.size === 0) throw first.outcome.error;
      }
    } finally {
      unwatch();
      for (const attempt of attempts) attempt.stop();
    }
  }

  #begin(epoch: Epoch, work: DeviceWork, request: RequestLimits & { readonly input: RequestInput }): Attempt {
    const { onRun, onHops, plan } = this.#parts;
    const { manifest } = epoch.parts.model;
    const abort = new AbortController();
    const follow = () => abort.abort(request.signal.reason);
    if (request.signal.aborted) follow();
    request.signal.addEventListener('abort', follow, { once: true });
    const letGo = epoch.hold();
    const run = async (): Promise<Outcome> => {
      try {
        const onSend = () => {
          attempt.sentMs = performance.now();
        };
        const done = await runRequest(epoch, { ...request, manifest, work, onRun, onSend, signal: abort.signal });
        plan.learnCoded([...done.sent, ...sentBehind(epoch, done.hops)]);
        onHops(hopsAsWaitedFor(done, attempt.sentMs));
        return { answer: { epoch, run: done } };
      } catch (error) {
        return { error };
      } finally {
        request.signal.removeEventListener('abort', follow);
        letGo();
      }
    };
    const stop = () => abort.abort(new DOMException('Answered elsewhere', 'AbortError'));
    const [startedMs, expectedMs] = [performance.now(), plan.expectation(epoch)];
    const attempt: Attempt = { epoch, work, startedMs, expectedMs, stop, outcome: Promise.resolve().then(run) };
    return attempt;
  }

  /** Whether the answer that an attempt waits for is held up, and would come later than one of another plan. */
  #isLate({ epoch, startedMs, expectedMs, sentMs }: Attempt, next: Epoch): boolean {
    if (sentMs === undefined || epoch === next || epoch.parts.model !== next.parts.model) return false;
    const leftMs = this.#parts.plan.outlook(epoch, sentMs);
    const anewMs = this.#parts.plan.outlook(next);
    if (leftMs === undefined || anewMs === undefined || expectedMs === undefined) return false;
    return anewMs < leftMs && isOverdue({ expectedMs, elapsedMs: performance.now() - startedMs, leftMs });
  }
}

/** The first hop with all that its caller waits for, coding and what comes before the result is there included. */
function hopsAsWaitedFor({ hops, behind }: RequestRun, sentMs: number | undefined): readonly HopTiming[] {
  const [first, ...others] = hops;
  if (first === undefined || sentMs === undefined) return hops;
  const computing = behind.reduce((sum, { computeMs, queueMs }) => sum + computeMs + queueMs, 0);
  const behindMs = others.reduce((sum, { ms }) => sum + ms, computing);
  return [{ ...first, ms: Math.max(0, performance.now() - sentMs - behindMs) }, ...others];
}
