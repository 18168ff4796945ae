/**
 * The device tier in a browser: connect to an edge, plan, infer.
 *
 * @packageDocumentation
 */
import type { ConnectOptions, Progress, Session } from '../session.ts';
import { RemoteSession } from './remote-session.ts';
import { startSessionWorker } from './start-session-worker.ts';

export * from '../public.ts';
export { pictureOf } from './picture-of.ts';

/**
 * Connects to an edge, or sets this device up alone, and makes the first plan. All of it lives in two workers, so that neither
 * a busy nor a hidden page stalls it; inputs are copied to them (and stay the caller's), results are transferred back.
 *
 * @throws D3Error as listed in docs/errors.md; the signal's reason when aborted. Nothing is left running then.
 */
export async function connect(options: ConnectOptions): Promise<Session> {
  const { signal, onProgress, cache: _, ...rest } = options;
  signal?.throwIfAborted();
  const worker = startSessionWorker();
  const abort = () => worker.end(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let heard: Progress['phase'] | undefined;
  const hear = (progress: Progress) => {
    heard = progress.phase;
    onProgress?.(progress);
  };
  worker.onMessage((message) => {
    if (message.type === 'connecting') hear(message.progress);
  });
  try {
    const opened = await worker.calls.call((remote) => remote.open(withAbsoluteUrls(rest)));
    if (opened.progress !== undefined && heard !== opened.progress.phase) hear(opened.progress);
    return new RemoteSession(worker, opened);
  } catch (error) {
    worker.end(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Relative addresses are meant from the page, not from the worker's script. What is none is left for the worker to refuse. */
function withAbsoluteUrls<T extends { readonly model: string; readonly edge?: string; readonly assets?: string }>(
  options: T,
): T {
  const { baseURI } = document;
  const isAddress = (url: unknown) => typeof url === 'string' && url !== '' && URL.canParse(url, baseURI);
  const absolute = (url: string) => (isAddress(url) ? new URL(url, baseURI).href : url);
  const { model, edge, assets } = options;
  return {
    ...options,
    ...(edge === undefined && { model: absolute(model) }),
    ...(assets !== undefined && { assets: absolute(assets) }),
  };
}
