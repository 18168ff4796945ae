import type { Manifest } from '@d3/onnx';
import type { PlanReport } from '@d3/partition';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import type { Sidecar } from '@d3/runtime';
import { transfer } from 'comlink';
import { clientError } from '../errors.ts';
import type {
  InferInput,
  InferOptions,
  InferResult,
  Session,
  SessionEvents,
  StreamedFrame,
  StreamOptions,
} from '../session.ts';
import { EventHub } from '../session-core/event-hub.ts';
import type { Goal } from '../session-core/plan-session.ts';
import { openStream } from '../stream/open-stream.ts';
import type { FrameSource } from '../stream/stream-frames.ts';
import { ThroughputGoal } from '../stream/throughput-goal.ts';
import { handedOver } from './handed-over.ts';
import type { Opened, SessionMessage, SessionState } from './session-api.ts';
import type { SessionWorker } from './start-session-worker.ts';

/** How long the worker may take to close in good order before it is terminated. */
const CLOSE_TIMEOUT_MS = 1_000;

/** The page's side of a session whose core lives in the session worker. */
export class RemoteSession implements Session {
  readonly #worker: SessionWorker;
  readonly #hub = new EventHub();
  readonly #streamGoal: ThroughputGoal = new ThroughputGoal(this);
  #model: SessionEvents['model'];
  #state: SessionState;
  #lastRequest = 0;
  #closed = false;

  /** Takes over an opened worker. */
  constructor(worker: SessionWorker, { manifest, sidecar, state }: Opened) {
    this.#model = { manifest, sidecar };
    this.#worker = worker;
    this.#state = state;
    worker.onMessage((message) => this.#hear(message));
    void worker.failed.then((error) => this.#end(error.message));
    document.addEventListener('visibilitychange', this.#wake);
    globalThis.addEventListener('online', this.#wake);
  }

  get manifest(): Manifest {
    return this.#model.manifest;
  }

  get sidecar(): Sidecar | undefined {
    return this.#model.sidecar;
  }

  get report(): PlanReport {
    return this.#state.report;
  }

  get epoch(): number {
    return this.#state.epoch;
  }

  get profiles(): readonly TierProfile[] {
    return this.#state.profiles;
  }

  get links(): readonly LinkEstimate[] {
    return this.#state.links;
  }

  async infer(input: InferInput, options: InferOptions = {}): Promise<InferResult> {
    return await this.#infer(input, options);
  }

  stream(source: FrameSource, options: StreamOptions = {}): AsyncGenerator<StreamedFrame, void, void> {
    const { reuseInputs = false } = options;
    const infer = (input: InferInput, how: InferOptions) =>
      this.#infer(reuseInputs ? input : transfer(input, handedOver(input)), how);
    return openStream(source, options, { session: this, goal: this.#streamGoal, infer });
  }

  async replan(goal: Partial<Goal>): Promise<PlanReport> {
    this.#state = await this.#worker.calls.call((remote) => remote.replan(goal));
    return this.#state.report;
  }

  on<E extends keyof SessionEvents>(event: E, listener: (detail: SessionEvents[E]) => void): () => void {
    return this.#hub.on(event, listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const inGoodOrder = this.#worker.calls.call((remote) => remote.close()).catch(() => undefined);
    await Promise.race([inGoodOrder, new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS))]);
    this.#end('close() was called');
  }

  /** Workers of a hidden page may be frozen, and their links ended without a word. */
  readonly #wake = (): void => {
    if (document.visibilityState === 'hidden') return;
    this.#worker.calls.call((remote) => remote.wake()).catch(() => undefined);
  };

  async #infer(input: InferInput, { signal, ...rest }: InferOptions): Promise<InferResult> {
    signal?.throwIfAborted();
    this.#lastRequest += 1;
    const id = this.#lastRequest;
    const answer = this.#worker.calls.call((remote) => remote.infer(id, input, rest));
    return signal === undefined ? await answer : await this.#cancelable(id, answer, signal);
  }

  /** Rejects at once when aborted; the worker is told, and what it answers is dropped. */
  #cancelable<T>(id: number, answer: Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const abort = () => {
        reject(signal.reason);
        this.#worker.calls.call((remote) => remote.cancel(id)).catch(() => undefined);
      };
      signal.addEventListener('abort', abort, { once: true });
      answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    });
  }

  #hear(message: SessionMessage): void {
    if (message.type !== 'event') return;
    this.#state = message.state;
    if (message.event === 'model') this.#model = message.detail;
    if (message.event !== 'closed') this.#hub.emit(message.event, message.detail as never);
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    document.removeEventListener('visibilitychange', this.#wake);
    globalThis.removeEventListener('online', this.#wake);
    this.#worker.end(clientError('CLIENT_CLOSED', { reason }));
    this.#hub.emit('closed', { reason });
    this.#hub.clear();
  }
}
