import { D3Error, type D3ErrorJson, isD3Error } from '@d3/errors';
import * as Comlink from 'comlink';
import { PendingCalls } from './pending-calls.ts';

/** How a worker's method answers: a value, or an error whose code survives the way (Comlink keeps only message and name). */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: D3ErrorJson | { readonly name: string; readonly message: string } };

/** In the worker: turns what `work` returns or throws into an {@link Outcome}, transferring what `buffers` names. */
export async function outcomeOf<T>(
  work: () => T | Promise<T>,
  buffers?: (value: T) => readonly Transferable[],
): Promise<Outcome<T>> {
  try {
    const value = await work();
    const outcome: Outcome<T> = { ok: true, value };
    return buffers === undefined ? outcome : Comlink.transfer(outcome, [...buffers(value)]);
  } catch (error) {
    return { ok: false, error: errorToJson(error) };
  }
}

function errorToJson(error: unknown): Extract<Outcome<never>, { ok: false }>['error'] {
  if (error instanceof D3Error) return error.toJSON();
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: 'Error', message: String(error) };
}

/** The value of an outcome; throws its error, rebuilt. */
export function outcomeValue<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  const { error } = outcome;
  throw isD3Error(error) ? D3Error.fromJSON(error) : Object.assign(new Error(error.message), { name: error.name });
}

/**
 * Calls into a worker over Comlink, without its three faults: a pending call is owned here, so {@link end} rejects it (Comlink
 * leaves it pending when a worker is terminated); the proxy is held for as long as anything is pending (Comlink closes the
 * port of a collected one); and at the end proxy and port are released.
 */
export class WorkerCalls<Api> {
  readonly #remote: Comlink.Remote<Api>;
  readonly #port: MessagePort;
  readonly #pending = new PendingCalls();

  /** Takes the port over. */
  constructor(port: MessagePort) {
    this.#port = port;
    this.#remote = Comlink.wrap<Api>(port);
  }

  /**
   * Sends one call.
   *
   * @throws the worker's error, with its code; the reason of {@link end}
   */
  call<T>(send: (remote: Comlink.Remote<Api>) => PromiseLike<Outcome<T>>): Promise<T> {
    return this.#pending.own(() => send(this.#remote).then(outcomeValue));
  }

  /** Rejects pending and later calls with `reason`, and releases the port. Calling it again does nothing. */
  end(reason: unknown): void {
    if (this.#pending.ended) return;
    this.#pending.end(reason);
    this.#remote[Comlink.releaseProxy]();
    this.#port.close();
  }
}
