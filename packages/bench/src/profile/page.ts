import { parseManifest, type SegmentModel } from '@d3/onnx';
import type { TierProfile } from '@d3/profile';
import { calibrate } from '@d3/runtime';
import { createWebBackend, type WebBackend, type WebBackendName } from '@d3/runtime/web';
import { type SegmentTime, timeSegments } from './time-segments.ts';

const open = new Map<WebBackendName, WebBackend>();

/** What a page found of one backend. */
export interface PageCalibration {
  readonly profile: TierProfile;
  readonly calibrationMs: number;
  readonly longestGapMs: number;
}

/** Opens and calibrates a backend, watching how long this thread is held up. */
export async function calibrateHere(name: WebBackendName): Promise<PageCalibration> {
  const backend = await createWebBackend({ name, assets: '/ort/' });
  open.set(name, backend);
  const watch = watchGaps();
  const startedMs = performance.now();
  const { gflops, fixedMs, handoffMs, terms } = await calibrate(backend);
  const calibrationMs = performance.now() - startedMs;
  const base = { tier: 'device', backend: name, concurrency: 1, slowdown: 1 };
  return { profile: { ...base, gflops, fixedMs, handoffMs, terms }, calibrationMs, longestGapMs: watch() };
}

/** Times segments of the packed model at `models/NAME/`. */
export async function timeHere(
  name: WebBackendName,
  model: string,
  timing: { readonly segments: readonly (readonly number[])[]; readonly budgetMs: number },
): Promise<readonly SegmentTime[]> {
  const backend = open.get(name);
  if (backend === undefined) throw new Error(`Backend ${name} is not open`);
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
  return await timeSegments(backend, { packed, locate: ({ id }) => ({ path: id, offset: 0 }), weightsOf }, timing);
}

/** Ends a backend. */
export async function closeHere(name: WebBackendName): Promise<void> {
  await open.get(name)?.dispose();
  open.delete(name);
}

/** @returns a function that stops and gives the longest time between two ticks of a timer */
function watchGaps(): () => number {
  let [longestMs, lastMs] = [0, performance.now()];
  const timer = setInterval(() => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  }, 5);
  return () => {
    clearInterval(timer);
    return longestMs;
  };
}
