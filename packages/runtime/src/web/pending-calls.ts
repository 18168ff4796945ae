/**
 * Promises that can all be rejected at once: whoever hands out a promise that depends on a worker owns it here, so that the
 * worker's end settles it.
 */
export class PendingCalls {
  readonly #rejecters = new Set<(reason: unknown) => void>();
  #ended: { readonly reason: unknown } | undefined;

  /** Whether {@link end} was called. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Settles as what `start` returns does, or rejects with the reason of {@link end}; after that, without a start. */
  own<T>(start: () => PromiseLike<T>): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended.reason);
    return new Promise<T>((resolve, reject) => {
      this.#rejecters.add(reject);
      const settled = <V>(settle: (value: V) => void) => {
        return (value: V): void => {
          this.#rejecters.delete(reject);
          settle(value);
        };
      };
      try {
        start().then(settled(resolve), settled(reject));
      } catch (error) {
        settled(reject)(error);
      }
    });
  }

  /** Rejects every pending promise and all later ones; the first reason stays. */
  end(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { reason };
    for (const reject of this.#rejecters) reject(reason);
    this.#rejecters.clear();
  }
}
