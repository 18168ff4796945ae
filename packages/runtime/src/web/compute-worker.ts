/**
 * Entry of the compute worker. Whoever starts it sends it one MessagePort, over which {@link ComputeApi} is spoken.
 *
 * @packageDocumentation
 */
import * as Comlink from 'comlink';
import { Compute } from './compute.ts';

globalThis.addEventListener('message', (event: MessageEvent<unknown>) => {
  if (event.data instanceof MessagePort) Comlink.expose(new Compute(), event.data);
});
