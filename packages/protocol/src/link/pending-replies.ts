import { D3Error } from '@d3/errors';
import type { Control, ControlMap } from '../control.ts';
import { linkError } from './errors.ts';

/** How long to wait for the answer of a control request. */
export interface ReplyOptions {
  /** 30,000 by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly type: keyof ControlMap;
  readonly settle: (outcome: { readonly reply: unknown } | { readonly error: unknown }) => void;
}

const TIMEOUT_MS = 30_000;

/** Control requests that wait for their answer. */
export class PendingReplies {
  readonly #peer: string;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  constructor(peer: string) {
    this.#peer = peer;
  }

  /**
   * Numbers a request, has it sent, and waits.
   *
   * @throws D3Error the peer's error, or `PROTOCOL_LINK_TIMEOUT`; the signal's reason when aborted
   */
  ask<T extends keyof ControlMap>(
    type: T,
    send: (id: number) => void,
    options: ReplyOptions = {},
  ): Promise<ControlMap[T][1]> {
    const { timeoutMs = TIMEOUT_MS, signal } = options;
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const settle: Pending['settle'] = (outcome) => {
        this.#pending.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        if ('error' in outcome) reject(outcome.error);
        else resolve(outcome.reply as ControlMap[T][1]);
      };
      const abort = () => settle({ error: signal?.reason });
      const late = () =>
        settle({ error: linkError('PROTOCOL_LINK_TIMEOUT', { peer: this.#peer, what: type, timeoutMs }) });
      const timer = setTimeout(late, timeoutMs);
      signal?.addEventListener('abort', abort);
      this.#pending.set(id, { type, settle });
      send(id);
    });
  }

  /** Hands an answer to who waits for it; an answer that nobody waits for (any more) is dropped. */
  settle(control: Control): void {
    if (!('id' in control)) return;
    const pending = this.#pending.get(control.id);
    if (pending?.type !== control.type) return;
    if ('error' in control) pending.settle({ error: D3Error.fromJSON(control.error) });
    else if ('reply' in control) pending.settle({ reply: control.reply });
  }

  /** Rejects all. */
  fail(error: unknown): void {
    for (const pending of [...this.#pending.values()]) pending.settle({ error });
  }
}
