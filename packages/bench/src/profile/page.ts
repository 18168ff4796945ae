import { parseManifest, type SegmentModel } from '@d3/onnx';
import { createWebBackend, type WebBackend, type WebBackendName } from '@d3/runtime/web';
import { type Measured, measureNetwork } from './measure-network.ts';

const open = new Map<WebBackendName, WebBackend>();

/** Calibrates a backend and times segments of the packed model at `models/NAME/`. */
export async function measureHere(
  name: WebBackendName,
  model: string,
  segments: readonly (readonly number[])[],
): Promise<Measured> {
  const backend = open.get(name) ?? (await createWebBackend({ name, assets: '/ort/' }));
  open.set(name, backend);
  const read = async (path: string) => new Uint8Array(await (await fetch(`/models/${model}/${path}`)).arrayBuffer());
  const manifest = parseManifest(JSON.parse(new TextDecoder().decode(await read('manifest.json'))));
  const ids = [...new Set(manifest.weights.map(({ id }) => id))];
  const blobs = new Map(await Promise.all(ids.map(async (id) => [id, await read(`weights/${id}`)] as const)));
  const weightsOf = (segment: SegmentModel) => {
    const own = segment.weights.flatMap(({ id }) => {
      const bytes = blobs.get(id);
      return bytes === undefined ? [] : [[id, bytes] as const];
    });
    return { kind: 'blobs', blobs: new Map(own) } as const;
  };
  const packed = { manifest, graph: await read('graph.onnx') };
  return await measureNetwork(backend, { packed, locate: ({ id }) => ({ path: id, offset: 0 }), weightsOf }, segments);
}

/** Ends a backend. */
export async function closeHere(name: WebBackendName): Promise<void> {
  await open.get(name)?.dispose();
  open.delete(name);
}
