// The picture worker: a photograph is scaled and normalised here, so that the session worker's timers do not wait for it.
import { outcomeOf } from '@d3/runtime/web';
import { expose } from 'comlink';
import { drawInput } from '../session-core/draw-input.ts';
import type { PictureApi } from './picture-api.ts';

const api: PictureApi = {
  draw: (picture, entry) =>
    outcomeOf(
      () => drawInput(picture, entry),
      ({ pixels, tensor }) => [pixels.bytes.buffer, tensor.bytes.buffer],
    ),
};

globalThis.addEventListener('message', ({ data }: MessageEvent<MessagePort>) => expose(api, data), { once: true });
