import { WorkerHandle } from './worker-handle.ts';

/** Work for one worker of a pool. */
export interface Job<T> {
  /** Who it is for: {@link WorkerPool.drop} takes an owner's jobs away. */
  readonly owner: number;
  /** Index of the only worker that may do it; any if absent. */
  readonly slot?: number;
  /** Drops it with the signal's reason while it waits. */
  readonly signal?: AbortSignal | undefined;
  work(worker: WorkerHandle): Promise<T>;
}

interface QueuedJob {
  readonly owner: number;
  readonly slot: number | undefined;
  run(worker: WorkerHandle): Promise<void>;
  /** Rejects its promise now; work that has begun goes on unheard. */
  abandon(reason: unknown): void;
}

interface Slot {
  worker: WorkerHandle | undefined;
  job: QueuedJob | undefined;
}

/** Replacements of workers that ended or did not start, without a success in between, after which a pool gives up. */
const MAX_RESTARTS = 3;
/** Before another replacement is tried; it grows with each. */
const RETRY_MS = 100;

/**
 * A fixed number of workers and one queue, first in, first out. A worker that ends is replaced; its job alone is rejected. A
 * pool whose replacements keep ending, or do not start, is lost.
 */
export class WorkerPool {
  /** Settles with the reason when the pool gave up; never rejects. */
  readonly lost: Promise<string>;
  readonly #slots: Slot[];
  readonly #queue: QueuedJob[] = [];
  #restarts = 0;
  #closedBy: unknown;
  #resolveLost: (reason: string) => void = () => undefined;

  private constructor(size: number) {
    this.#slots = Array.from({ length: size }, () => ({ worker: undefined, job: undefined }));
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
  }

  /** Starts `size` workers; throws what the first of them that cannot start throws. */
  static async start(size: number): Promise<WorkerPool> {
    const pool = new WorkerPool(size);
    const started = await Promise.allSettled(pool.#slots.map((slot) => pool.#fill(slot)));
    for (const result of started) {
      if (result.status === 'fulfilled') continue;
      await pool.close(result.reason);
      throw result.reason;
    }
    return pool;
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Queues a job; rejects with what its work throws, its signal's reason, or what it was dropped with. */
  submit<T>(job: Job<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closedBy !== undefined) return reject(this.#closedBy);
      if (job.signal?.aborted) return reject(job.signal.reason);
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(queued), 1);
        reject(job.signal?.reason);
      };
      const queued: QueuedJob = {
        owner: job.owner,
        slot: job.slot,
        run: async (worker) => {
          job.signal?.removeEventListener('abort', onAbort);
          await job.work(worker).then(resolve, reject);
        },
        abandon: (reason) => {
          job.signal?.removeEventListener('abort', onAbort);
          reject(reason);
        },
      };
      job.signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(queued);
      this.#dispatch();
    });
  }

  /** Rejects all jobs of an owner, those that run included; a worker that runs one is free when it ends. */
  drop(owner: number, reason: unknown): void {
    const dropped = this.#queue.filter((job) => job.owner === owner);
    const kept = this.#queue.filter((job) => job.owner !== owner);
    this.#queue.splice(0, this.#queue.length, ...kept);
    for (const job of dropped) job.abandon(reason);
    for (const { job } of this.#slots) if (job?.owner === owner) job.abandon(reason);
  }

  /** Rejects everything with `reason`, now and later, and ends the workers. */
  async close(reason: unknown): Promise<void> {
    this.#closedBy ??= reason;
    for (const job of this.#queue.splice(0)) job.abandon(this.#closedBy);
    for (const { job } of this.#slots) job?.abandon(this.#closedBy);
    await Promise.all(this.#slots.map(({ worker }) => worker?.close()));
  }

  #dispatch(): void {
    this.#slots.forEach((slot, index) => {
      if (slot.worker === undefined || slot.job !== undefined) return;
      const next = this.#queue.findIndex((job) => job.slot === undefined || job.slot === index);
      const job = this.#queue[next];
      if (job === undefined) return;
      this.#queue.splice(next, 1);
      void this.#runIn(slot, slot.worker, job);
    });
  }

  async #runIn(slot: Slot, worker: WorkerHandle, job: QueuedJob): Promise<void> {
    slot.job = job;
    await job.run(worker);
    slot.job = undefined;
    if (slot.worker === worker) this.#restarts = 0;
    this.#dispatch();
  }

  /** Puts a fresh worker into a slot and watches over it. */
  async #fill(slot: Slot): Promise<void> {
    const worker = new WorkerHandle();
    void worker.ended.then((reason) => this.#onEnd(slot, worker, reason));
    await worker.ask('start', {});
    if (this.#closedBy !== undefined) return await worker.close();
    slot.worker = worker;
    this.#dispatch();
  }

  #onEnd(slot: Slot, worker: WorkerHandle, reason: string): void {
    if (slot.worker !== worker || this.#closedBy !== undefined) return;
    slot.worker = undefined;
    this.#replace(slot, reason);
  }

  #replace(slot: Slot, reason: string): void {
    if (this.#closedBy !== undefined) return;
    this.#restarts += 1;
    if (this.#restarts > MAX_RESTARTS) {
      this.#resolveLost(reason);
      return;
    }
    // What keeps one from starting, short memory say, may be over in a moment.
    this.#fill(slot).catch((error: Error) => {
      setTimeout(() => this.#replace(slot, error.message), RETRY_MS * this.#restarts).unref();
    });
  }
}
