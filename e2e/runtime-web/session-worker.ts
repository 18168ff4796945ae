import { createWebBackend, type WebBackendName } from '@d3/runtime/web';
import { heavyInput, heavySegment } from './conv-segments.ts';
import { digestOf, longestGap } from './values.ts';

/** A worker that nests its compute worker, as the client's session worker does. */
globalThis.addEventListener('message', (event: MessageEvent<{ name: WebBackendName; assets: string }>) => {
  work(event.data).then(
    (result) => globalThis.postMessage(result),
    (error: unknown) => globalThis.postMessage({ error: String(error) }),
  );
});

async function work({ name, assets }: { name: WebBackendName; assets: string }): Promise<object> {
  const backend = await createWebBackend({ name, assets });
  const session = await backend.prepare(heavySegment(name));
  let output = '';
  const gap = await longestGap(async () => {
    await session.run(heavyInput(name));
    output = await digestOf((await session.run(heavyInput(name))).outputs);
  });
  await backend.dispose();
  return { ...gap, output };
}
