/** The constructor that {@link startWorker} passes on: `new Worker(url, options)`. */
export type WorkerConstructor = new (url: string | URL, options?: WorkerOptions) => Worker;

/**
 * Starts a module worker from any origin. A browser refuses `new Worker(url)` for a URL of another origin, as when a script
 * tag loads the page's code from a CDN; then the worker is a same-origin blob that imports the URL (which has to be served
 * with CORS headers, as any module import).
 *
 * @param start - makes the worker with the constructor it is given. Its parameter has to be called `Worker` and its URL has to
 * be written `new URL('./file.js', import.meta.url)` in place, for that is the text that Vite looks for.
 *
 * @example
 * ```ts
 * startWorker((Worker) => new Worker(new URL('./session-worker.js', import.meta.url), { type: 'module' }));
 * ```
 */
export function startWorker(start: (worker: WorkerConstructor) => Worker): Worker {
  return start(AnyOriginWorker);
}

const AnyOriginWorker = function startAnyOriginWorker(url: string | URL, options?: WorkerOptions): Worker {
  const address = new URL(url, globalThis.location.href);
  if (address.origin === globalThis.origin) return new Worker(address, options);
  const shim = new Blob([`import ${JSON.stringify(address.href)};`], { type: 'text/javascript' });
  const shimUrl = URL.createObjectURL(shim);
  const worker = new Worker(shimUrl, { ...options, type: 'module' });
  // Revoked late: the worker fetches it after this turn, and an early revocation would stop it.
  setTimeout(() => URL.revokeObjectURL(shimUrl), 60_000);
  return worker;
} as unknown as WorkerConstructor;
