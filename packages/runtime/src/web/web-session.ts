import { isD3Error } from '@d3/errors';
import type { TensorMap } from '@d3/tensor';
import * as Comlink from 'comlink';
import type { SegmentRun, SegmentSession } from '../backend.ts';
import { runtimeError } from '../errors.ts';
import type { RunReply, WebBackendName } from './compute-api.ts';
import type { ComputeLink } from './compute-link.ts';
import type { Fifo } from './fifo.ts';
import { ownedTensors } from './owned-copy.ts';
import { PendingCalls } from './pending-calls.ts';

/** What a session is made of. */
export interface WebSessionParts {
  readonly link: ComputeLink;
  /** The backend's queue: one thing at a time on one GPU. */
  readonly queue: Fifo;
  readonly backend: WebBackendName;
  readonly slowdown: number;
  /** Names the segment in errors. */
  readonly id: string;
  /** Names the session in the worker. */
  readonly key: number;
}

/** A session in the compute worker; see {@link SegmentSession} for what it guarantees. */
export class WebSession implements SegmentSession {
  readonly backend: WebBackendName;
  readonly #parts: WebSessionParts;
  readonly #runs = new PendingCalls();
  #disposing: Promise<void> | undefined;

  constructor(parts: WebSessionParts) {
    this.#parts = parts;
    this.backend = parts.backend;
  }

  run(inputs: TensorMap, options?: { readonly signal?: AbortSignal }): Promise<SegmentRun> {
    const queuedMs = performance.now();
    const { queue } = this.#parts;
    const begin = async (): Promise<SegmentRun> => {
      const queueMs = performance.now() - queuedMs;
      return { ...(await this.#send(inputs)), queueMs };
    };
    // A run that waits when the session is disposed of rejects then, and does nothing when its turn comes.
    return this.#runs.own(() => queue.run(() => this.#runs.own(begin), options?.signal));
  }

  dispose(): Promise<void> {
    this.#disposing ??= this.#release();
    return this.#disposing;
  }

  async #release(): Promise<void> {
    const { link, queue, id, key } = this.#parts;
    this.#runs.end(runtimeError('RUNTIME_DISPOSED', { what: `Segment ${id}` }));
    // A backend that is lost or disposed of has freed it already.
    await queue.run(() => link.call((remote) => remote.release(key))).catch(() => undefined);
  }

  async #send(inputs: TensorMap): Promise<RunReply> {
    const { link, id, key, backend, slowdown } = this.#parts;
    try {
      const request = { session: key, inputs: ownedTensors(inputs), slowdown };
      const buffers = Object.values(request.inputs).map((tensor) => tensor.bytes.buffer);
      return await link.call((remote) => remote.run(Comlink.transfer(request, buffers)));
    } catch (error) {
      if (isD3Error(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw runtimeError('RUNTIME_RUN_FAILED', { segment: id, backend, reason }, { cause: error });
    }
  }
}
