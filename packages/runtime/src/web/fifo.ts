/** Runs asynchronous tasks one at a time, in the order they came. A task that fails rejects alone. */
export class Fifo {
  #tail: Promise<unknown> = Promise.resolve();

  /**
   * Appends a task; it starts when every earlier one has settled.
   *
   * @param signal - a task that has not begun is dropped, its promise rejecting with the signal's reason at once
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      const begin = async (): Promise<void> => {
        signal?.removeEventListener('abort', onAbort);
        if (signal?.aborted === true) return;
        await task().then(resolve, reject);
      };
      // A task that throws, rather than rejecting, is caught here as well.
      this.#tail = this.#tail.then(begin).catch(reject);
    });
  }
}
