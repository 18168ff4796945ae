import { readAnswer } from '@d3/runtime';
import { clientError } from '../errors.ts';
import type { InferInput, InferOptions, InferResult } from '../session.ts';
import type { AdaptationLoop } from './adaptation-loop.ts';
import type { Host } from './host.ts';
import type { LivePlan } from './live-plan.ts';
import type { LoadedModel } from './load-model.ts';
import { readInput } from './request-input.ts';
import { RequestRunner } from './request-runner.ts';
import type { Scopes } from './scopes.ts';
import type { Survey } from './survey.ts';

/** What a {@link RequestEntry} works with. */
export interface RequestEntryParts {
  readonly host: Host;
  readonly scopes: Scopes;
  readonly plan: LivePlan;
  /** Learns what requests took. */
  readonly survey: Survey;
  /** Learns when they come. */
  readonly adaptation: AdaptationLoop;
}

const DEADLINE_MS = 30_000;
/** About 24 days: a timer that is set for longer fires at once. */
const MAX_DEADLINE_MS = 2 ** 31 - 1_000;

/** Where a caller's requests come in and their answers go out. */
export class RequestEntry {
  readonly #parts: RequestEntryParts;
  readonly #runner: RequestRunner;
  #lastRequest = 0;

  constructor(parts: RequestEntryParts) {
    const { plan, survey } = parts;
    this.#parts = parts;
    this.#runner = new RequestRunner({
      plan,
      onRun: (timing, handoffMs) => survey.ran(timing, handoffMs),
      onHops: (hops) => survey.crossed(hops),
    });
  }

  /**
   * Runs one request within its deadline.
   *
   * @throws D3Error as `Session.infer()`; the signal's reason when aborted
   */
  async infer(input: InferInput, options: InferOptions): Promise<InferResult> {
    const startedMs = performance.now();
    const { host, scopes, adaptation } = this.#parts;
    const { signal, inspect = false } = options;
    signal?.throwIfAborted();
    const deadlineMs = checkDeadline(options);
    this.#lastRequest += 1;
    const reason = clientError('CLIENT_DEADLINE_EXCEEDED', { request: this.#lastRequest, deadlineMs });
    const scope = scopes.open({ signal, timeout: { afterMs: deadlineMs, reason } });
    try {
      const limits = { signal: scope.signal, deadlineAtMs: startedMs + deadlineMs };
      const readFor = (model: LoadedModel) => readInput(model, input, host);
      const ended = adaptation.begin();
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
}

function checkDeadline({ deadlineMs = DEADLINE_MS }: InferOptions): number {
  if (deadlineMs > 0 && deadlineMs <= MAX_DEADLINE_MS) return deadlineMs;
  const remedy = `give milliseconds above 0 and up to ${MAX_DEADLINE_MS}`;
  throw clientError('CLIENT_OPTION_INVALID', { option: 'deadlineMs', value: String(deadlineMs), remedy });
}
