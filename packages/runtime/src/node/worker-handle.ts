import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { WorkerMap, WorkerReply } from './worker-messages.ts';

/** Why a question to a worker got no answer: the work failed, or the worker is gone. */
export class WorkerFailure extends Error {
  override readonly name = 'WorkerFailure';
  readonly gone: boolean;

  constructor(reason: string, gone: boolean) {
    super(reason);
    this.gone = gone;
  }
}

const ANSWER_WITHIN_MS = 5_000;

interface Pending {
  resolve(reply: WorkerReply): void;
  reject(failure: WorkerFailure): void;
}

// An `imports` entry: the same file whether this module runs from dist or, in tests, from src.
const workerFile: string = createRequire(import.meta.url).resolve('#node-worker');

/**
 * One worker thread with the runtime in it. It answers one question at a time: ask the next when the last was answered.
 *
 * It keeps the process alive only while a question is open.
 */
export class WorkerHandle {
  /** Keys of the sessions that live in it; kept by its user. */
  readonly sessions: Set<number> = new Set();
  /** Settles with the reason when the thread has ended; never rejects. */
  readonly ended: Promise<string>;
  readonly #worker: Worker;
  #pending: Pending | undefined;
  #endReason: string | undefined;
  readonly #onAnswer: (() => void)[] = [];

  constructor() {
    // The process's own flags may be none that a worker takes, e.g. --input-type.
    this.#worker = new Worker(workerFile, { name: 'd3-runtime', execArgv: [] });
    this.#worker.unref();
    let failure: string | undefined;
    this.#worker.on('error', (error) => {
      failure = error instanceof Error ? error.message : String(error);
    });
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on('messageerror', (error: Error) => {
      this.#settle({ ok: false, reason: `its answer cannot be read (${error.message})` });
    });
    this.ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        const reason = failure ?? `its worker thread ended with code ${code}`;
        this.#end(reason);
        resolve(reason);
      });
    });
  }

  /**
   * Asks the worker; `transfer` leaves this thread.
   *
   * @throws WorkerFailure, also for what cannot be sent: then the worker takes the next question
   */
  async ask<K extends keyof WorkerMap>(
    kind: K,
    body: WorkerMap[K][0],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<WorkerMap[K][1]> {
    if (this.#endReason !== undefined) throw new WorkerFailure(this.#endReason, true);
    if (this.#pending !== undefined) throw new TypeError(`Worker asked to '${kind}' before its last answer`);
    const reply = await new Promise<WorkerReply>((resolve, reject) => {
      // First: where it throws, e.g. without memory for a copy of what is sent, there is no answer to wait for.
      this.#send({ kind, body }, transfer);
      this.#pending = { resolve, reject };
      this.#worker.ref();
    });
    if (!reply.ok) throw new WorkerFailure(reply.reason.trim().replace(/\.+$/, ''), false);
    return reply.value as WorkerMap[K][1];
  }

  /** Ends the thread at once, after the native call that it may be in; if that then throws, the process ends with it. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Takes no more questions, and ends the thread once it has answered the last one, or after 5 s. */
  async close(): Promise<void> {
    this.#endReason ??= 'it is being ended';
    if (this.#pending !== undefined) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ANSWER_WITHIN_MS);
      });
      await Promise.race([new Promise<void>((resolve) => this.#onAnswer.push(resolve)), this.ended, late]);
      clearTimeout(timer);
    }
    await this.#worker.terminate();
  }

  #send(request: unknown, transfer: readonly ArrayBuffer[]): void {
    try {
      this.#worker.postMessage(request, [...transfer]);
    } catch (error) {
      throw new WorkerFailure(`the question cannot be sent (${error instanceof Error ? error.message : error})`, false);
    }
  }

  #settle(reply: WorkerReply): void {
    const pending = this.#pending;
    this.#pending = undefined;
    this.#worker.unref();
    pending?.resolve(reply);
    for (const heard of this.#onAnswer.splice(0)) heard();
  }

  #end(reason: string): void {
    this.#endReason = reason;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(new WorkerFailure(reason, true));
  }
}
