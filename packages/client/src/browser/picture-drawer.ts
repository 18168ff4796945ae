import { isD3Error } from '@d3/errors';
import type { Picture } from '@d3/runtime';
import { startWorker, WorkerCalls } from '@d3/runtime/web';
import { transfer } from 'comlink';
import { clientError } from '../errors.ts';
import { type Drawn, type DrawnInput, drawInput } from '../session-core/draw-input.ts';
import type { PictureApi } from './picture-api.ts';

/** Makes network inputs from pictures in a worker of its own, started with the first; it ends with the thread that holds it. */
export class PictureDrawer {
  #calls: WorkerCalls<PictureApi> | undefined;

  /**
   * Copies the picture over, and makes the input of it. Where the worker cannot be had, this thread does it.
   *
   * @throws D3Error what reading pictures throws
   */
  async draw(picture: Picture, entry: DrawnInput): Promise<Drawn> {
    this.#calls ??= startPictureWorker();
    const rgba = picture.rgba.slice();
    try {
      const copy = { ...picture, rgba };
      return await this.#calls.call((remote) => remote.draw(transfer(copy, [rgba.buffer]), entry));
    } catch (error) {
      if (isD3Error(error) && error.code !== 'CLIENT_WORKER_FAILED') throw error;
      return drawInput(picture, entry);
    }
  }
}

function startPictureWorker(): WorkerCalls<PictureApi> {
  const worker = startWorker(
    (Worker) => new Worker(new URL('./picture-worker.js', import.meta.url), { type: 'module', name: 'd3-picture' }),
  );
  const { port1, port2 } = new MessageChannel();
  worker.postMessage(port1, [port1]);
  const calls = new WorkerCalls<PictureApi>(port2);
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    worker.terminate();
    calls.end(clientError('CLIENT_WORKER_FAILED', { problem: event.message || 'the picture worker did not load' }));
  });
  return calls;
}
