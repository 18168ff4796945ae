import type { SessionEvents } from '../session.ts';

type Listener<E extends keyof SessionEvents> = (detail: SessionEvents[E]) => void;
type Listeners = { readonly [E in keyof SessionEvents]: Set<Listener<E>> };

/** Hands events to their listeners. A listener that throws is reported as an uncaught error and stops no other. */
export class EventHub {
  readonly #listeners: Listeners = {
    plan: new Set(),
    model: new Set(),
    considered: new Set(),
    progress: new Set(),
    status: new Set(),
    lost: new Set(),
    closed: new Set(),
  };

  /** Listens; the returned function stops listening. */
  on<E extends keyof SessionEvents>(event: E, listener: Listener<E>): () => void {
    const listeners: Set<Listener<E>> = this.#listeners[event];
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Calls every listener of `event`. */
  emit<E extends keyof SessionEvents>(event: E, detail: SessionEvents[E]): void {
    for (const listener of [...this.#listeners[event]]) {
      try {
        listener(detail);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Forgets all listeners. */
  clear(): void {
    for (const listeners of Object.values(this.#listeners)) listeners.clear();
  }
}
