/** One piece of work that can be aborted. */
export interface Scope {
  readonly signal: AbortSignal;
  /** The work is over: nothing can abort it any more. */
  end(): void;
}

/** What may abort a {@link Scope} before its work is over, besides {@link Scopes.abortAll}. */
export interface ScopeLimits {
  readonly signal?: AbortSignal | undefined;
  /** With what the work is aborted when its time is over. */
  readonly timeout?: { readonly afterMs: number; readonly reason: unknown };
}

/** Everything that runs for a session, so that its end aborts all of it. */
export class Scopes {
  readonly #controllers = new Set<AbortController>();
  #ended: { readonly reason: unknown } | undefined;

  /** Opens a scope; it is born aborted if a limit is reached already. */
  open({ signal, timeout }: ScopeLimits = {}): Scope {
    const controller = new AbortController();
    const follow = () => controller.abort(signal?.reason);
    if (this.#ended !== undefined) controller.abort(this.#ended.reason);
    else if (signal?.aborted === true) follow();
    signal?.addEventListener('abort', follow, { once: true });
    const timer = timeout && setTimeout(() => controller.abort(timeout.reason), timeout.afterMs);
    this.#controllers.add(controller);
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', follow);
      this.#controllers.delete(controller);
    };
    return { signal: controller.signal, end };
  }

  /** Aborts all scopes, and every later one at its birth. */
  abortAll(reason: unknown): void {
    this.#ended ??= { reason };
    for (const controller of this.#controllers) controller.abort(reason);
  }
}
