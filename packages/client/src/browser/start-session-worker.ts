import { startWorker, WorkerCalls } from '@d3/runtime/web';
import { clientError } from '../errors.ts';
import type { SessionApi, SessionMessage, SessionPorts } from './session-api.ts';

/** A running session worker. */
export interface SessionWorker {
  /** Calls into it; pending ones reject when it ends. */
  readonly calls: WorkerCalls<SessionApi>;
  /** Settles with the error when the worker fails as a whole; calls have been rejected with it. Never rejects. */
  readonly failed: Promise<Error>;
  /** Sets who hears what it says unasked. */
  onMessage(listener: (message: SessionMessage) => void): void;
  /** Terminates it; pending calls reject with `reason`. */
  end(reason: unknown): void;
}

/**
 * Starts the session worker, from whatever origin this script came from.
 *
 * @param worker - a worker made from `@d3/client/session-worker` by a bundler that does not find it by itself
 */
export function startSessionWorker(worker?: Worker): SessionWorker {
  const started =
    worker ??
    startWorker(
      (Worker) => new Worker(new URL('./session-worker.js', import.meta.url), { type: 'module', name: 'd3-session' }),
    );
  const calls = new MessageChannel();
  const events = new MessageChannel();
  const ports: SessionPorts = { calls: calls.port2, events: events.port2 };
  started.postMessage(ports, [calls.port2, events.port2]);
  const workerCalls = new WorkerCalls<SessionApi>(calls.port1);
  const end = (reason: unknown) => {
    workerCalls.end(reason);
    events.port1.close();
    started.terminate();
  };
  const failed = new Promise<Error>((resolve) => {
    started.addEventListener('error', (event) => {
      event.preventDefault();
      const problem = event.message || 'its script cannot be loaded';
      const error = clientError('CLIENT_WORKER_FAILED', { problem });
      end(error);
      resolve(error);
    });
  });
  return {
    calls: workerCalls,
    failed,
    end,
    onMessage: (listener) => {
      events.port1.onmessage = ({ data }: MessageEvent<SessionMessage>) => listener(data);
    },
  };
}
