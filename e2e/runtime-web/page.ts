import { calibrate } from '@d3/runtime';
import {
  type AdapterInfo,
  createShapeInference,
  createWebBackend,
  type DetectedBackend,
  detectBackends,
  startComputeWorker,
  startWorker,
  type WebBackend,
  type WebBackendName,
} from '@d3/runtime/web';
import type { ElementType, TensorMap } from '@d3/tensor';
import {
  convInput,
  convSegments,
  convShapesModel,
  heavyInput,
  heavySegment,
  passThroughSegment,
  unknownOperatorSegment,
} from './conv-segments.ts';
import { bytesOfPacked, inputsOf, type PackedBytes, packFrom, segmentOf } from './pack-in-page.ts';
import { ALL_TYPES, digestOf, type Ended, ended, hex, hexOf, longestGap, present, sampleOf } from './values.ts';

/** A backend that the page keeps open between calls. */
export interface OpenedBackend {
  readonly adapter: AdapterInfo | undefined;
  readonly threads: number;
  readonly numericClass: string;
  readonly isolated: boolean;
  readonly openMs: number;
}

const open = new Map<WebBackendName, WebBackend>();

export function detect(): Promise<readonly DetectedBackend[]> {
  return detectBackends();
}

export async function openBackend(
  name: WebBackendName,
  { assets = '/ort/', threads = 1 }: { assets?: string; threads?: number } = {},
): Promise<Ended<OpenedBackend>> {
  return ended(async () => {
    const startedMs = performance.now();
    const backend = await createWebBackend({ name, assets, threads });
    open.set(name, backend);
    const { adapter, numericClass } = backend;
    const openMs = performance.now() - startedMs;
    return { adapter, threads: backend.threads, numericClass, isolated: globalThis.crossOriginIsolated, openMs };
  });
}

export async function closeBackend(name: WebBackendName): Promise<void> {
  await opened(name).dispose();
  open.delete(name);
}

/** Outputs of the small network, whole and cut in three, each as hex. */
export async function runWholeAndParts(name: WebBackendName): Promise<{ whole: string; parts: string; other: string }> {
  const { whole, parts } = convSegments();
  const wholeSession = await opened(name).prepare(whole);
  const partSessions = await Promise.all(parts.map((part) => opened(name).prepare(part)));
  const direct = await wholeSession.run(convInput(1));
  let values = convInput(1);
  for (const session of partSessions) values = (await session.run(values)).outputs;
  const other = await wholeSession.run(convInput(2));
  await Promise.all([wholeSession, ...partSessions].map((session) => session.dispose()));
  return { whole: hexOf(direct.outputs), parts: hexOf(values), other: hexOf(other.outputs) };
}

/** Twelve runs of two sessions at once, the same twelve one after the other, a failing run among the first. */
export async function runConcurrently(
  name: WebBackendName,
): Promise<{ together: string[]; alone: string[]; failure: Ended<unknown>; waited: boolean }> {
  const { whole, parts } = convSegments();
  const sessions = await Promise.all([whole, parts[0]].map((spec) => opened(name).prepare(present(spec))));
  const jobs = Array.from({ length: 12 }, (_, index) => ({ session: present(sessions[index % 2]), seed: index }));
  const started = jobs.map(({ session, seed }) => session.run(convInput(seed)));
  const failing = ended(() =>
    present(sessions[0]).run({ x: { type: 'float32', shape: [1], bytes: new Uint8Array(4) } }),
  );
  started.push(present(sessions[0]).run(convInput(12)));
  jobs.push({ session: present(sessions[0]), seed: 12 });
  const together = await Promise.all(started);
  const failure = await failing;
  const alone: string[] = [];
  for (const { session, seed } of jobs) alone.push(hexOf((await session.run(convInput(seed))).outputs));
  await Promise.all(sessions.map((session) => session.dispose()));
  const waited = (together[5]?.queueMs ?? 0) > 0;
  return { together: together.map(({ outputs }) => hexOf(outputs)), alone, failure, waited };
}

/** What becomes of runs that wait when their signal aborts, and of the one that had begun. */
export async function abortWaiting(
  name: WebBackendName,
): Promise<{ first: string; second: Ended<unknown>; third: string }> {
  const session = await opened(name).prepare(convSegments().whole);
  const abort = new AbortController();
  const first = session.run(convInput(1));
  const second = ended(() => session.run(convInput(2), { signal: abort.signal }));
  const third = session.run(convInput(3));
  abort.abort(new DOMException('not wanted any more', 'AbortError'));
  const result = { first: hexOf((await first).outputs), second: await second, third: hexOf((await third).outputs) };
  await session.dispose();
  return result;
}

/** Hands every element type through a model; says which came back as they went in, and whether the inputs are still ours. */
export async function passTypesThrough(name: WebBackendName): Promise<{ same: ElementType[]; kept: boolean }> {
  const types: ElementType[] = name === 'wasm' ? [...ALL_TYPES] : ['float32', 'int32'];
  const session = await opened(name).prepare(passThroughSegment(types));
  const inputs = Object.fromEntries(types.map((type) => [`in_${type}`, sampleOf(type)]));
  const { outputs } = await session.run(inputs);
  await session.dispose();
  const same = types.filter(
    (type) => hex(present(outputs[`out_${type}`]).bytes) === hex(present(inputs[`in_${type}`]).bytes),
  );
  return { same, kept: Object.values(inputs).every(({ bytes }) => bytes.byteLength > 0) };
}

/** Errors of bad segments, and whether a good one still runs after them. */
export async function prepareBadSegments(
  name: WebBackendName,
): Promise<{ unknownOperator: Ended<unknown>; folder: Ended<unknown>; noise: Ended<unknown>; afterwards: string }> {
  const { whole } = convSegments();
  const noise = { ...whole, model: { ...whole.model, bytes: new Uint8Array(100).fill(7) } };
  const result = {
    unknownOperator: await ended(() => opened(name).prepare(unknownOperatorSegment())),
    folder: await ended(() => opened(name).prepare({ ...whole, weights: { kind: 'folder', path: '/models' } })),
    noise: await ended(() => opened(name).prepare(noise)),
  };
  const session = await opened(name).prepare(whole);
  const { outputs } = await session.run(convInput(1));
  await session.dispose();
  return { ...result, afterwards: hexOf(outputs) };
}

/** Disposes of a session, then of the backend, while runs are pending. */
export async function disposeWhilePending(
  name: WebBackendName,
): Promise<{ ofSession: Ended<unknown>[]; ofBackend: Ended<unknown>[]; later: Ended<unknown>; lostSettled: boolean }> {
  const backend = opened(name);
  const session = await backend.prepare(convSegments().whole);
  const other = await backend.prepare(convSegments().whole);
  const ofSession = [1, 2, 3].map((seed) => ended(() => session.run(convInput(seed))));
  await session.dispose();
  const ofBackend = [1, 2, 3].map((seed) => ended(() => other.run(convInput(seed))));
  await backend.dispose();
  await other.dispose();
  const lostSettled = await Promise.race([backend.lost.then(() => true), new Promise((r) => setTimeout(r, 200))]);
  return {
    ofSession: await Promise.all(ofSession),
    ofBackend: await Promise.all(ofBackend),
    later: await ended(() => other.run(convInput(1))),
    lostSettled: lostSettled === true,
  };
}

/** Destroys the GPU device under pending runs; the backend is then of no more use. */
export async function loseDevice(): Promise<{ reason: string; pending: Ended<unknown>[]; later: Ended<unknown> }> {
  const backend = opened('webgpu');
  const { whole } = convSegments();
  const session = await backend.prepare(whole);
  const pending = [1, 2, 3].map((seed) => ended(() => session.run(convInput(seed))));
  await ended(() => backend.loseDevice());
  const reason = await backend.lost;
  const later = await ended(() => backend.prepare(whole));
  await session.dispose();
  await backend.dispose();
  return { reason, pending: await Promise.all(pending), later };
}

/** What becomes of a compute worker whose script is not there. */
export function startMissingWorker(): Promise<string> {
  return startComputeWorker(new Worker('/no-such-worker.js', { type: 'module' })).failed;
}

/** A compute worker that the page starts and ends, its port handed to the backend. */
export async function loseForeignWorker(): Promise<{ before: string; reason: string; pending: Ended<unknown> }> {
  const worker = startComputeWorker();
  const backend = await createWebBackend({ name: 'wasm', assets: '/ort/', port: worker.port });
  const session = await backend.prepare(convSegments().whole);
  const before = hexOf((await session.run(convInput(1))).outputs);
  const pending = ended(() => session.run(convInput(2)));
  worker.terminate();
  return { before, reason: await backend.lost, pending: await pending };
}

/** A slowed backend's times beside its unslowed one's. */
export async function compareSlowdown(
  slowdown: number,
): Promise<{ plainMs: number; slowedMs: number; wallMs: number }> {
  const time = async (backend: WebBackend): Promise<{ computeMs: number; wallMs: number }> => {
    const session = await backend.prepare(heavySegment('wasm'));
    const startedMs = performance.now();
    const { computeMs } = await session.run(heavyInput('wasm'));
    return { computeMs, wallMs: performance.now() - startedMs };
  };
  const plain = await time(opened('wasm'));
  const slow = await createWebBackend({ name: 'wasm', assets: '/ort/', slowdown });
  const slowed = await time(slow);
  await slow.dispose();
  return { plainMs: plain.computeMs, slowedMs: slowed.computeMs, wallMs: slowed.wallMs };
}

export async function measure(name: WebBackendName): Promise<{ gflops: number; fixedMs: number }> {
  return calibrate(opened(name), { budgetMs: 200 });
}

export async function shapesOf(name: WebBackendName | 'alone'): Promise<{ values: unknown; bad: Ended<unknown> }> {
  const infer = name === 'alone' ? createShapeInference({ assets: '/ort/' }) : opened(name).inferShapes;
  const values = await infer(convShapesModel());
  return { values, bad: await ended(() => infer(new Uint8Array(50).fill(9))) };
}

/** Longest time that a 5 ms timer was late on this thread while a backend worked. */
export async function timerGapMs(name: WebBackendName): Promise<{ gapMs: number; busyMs: number }> {
  const session = await opened(name).prepare(heavySegment(name));
  const result = await longestGap(async () => {
    for (let run = 0; run < 2; run++) await session.run(heavyInput(name));
  });
  await session.dispose();
  return result;
}

/** A digest of the heavy segment's output. */
export async function runHeavy(name: WebBackendName): Promise<string> {
  const session = await opened(name).prepare(heavySegment(name));
  const { outputs } = await session.run(heavyInput(name));
  await session.dispose();
  return digestOf(outputs);
}

/** The same in a session worker that nests its compute worker; the page only asks. */
export function nestedTimerGapMs(name: WebBackendName): Promise<{ gapMs: number; busyMs: number; output: string }> {
  const worker = startWorker(
    (Worker) => new Worker(new URL('./session-worker.ts', import.meta.url), { type: 'module' }),
  );
  const assets = new URL('/ort/', location.href).href;
  return new Promise((resolve, reject) => {
    worker.addEventListener('message', (event) => {
      worker.terminate();
      if (event.data.error === undefined) resolve(event.data);
      else reject(new Error(event.data.error));
    });
    worker.addEventListener('error', (event) => reject(new Error(event.message || 'the session worker did not start')));
    worker.postMessage({ name, assets });
  });
}

/** Packs a model with shapes from a worker of its own. */
export async function pack(url: string): Promise<PackedBytes> {
  return bytesOfPacked(await packFrom(url, createShapeInference({ assets: '/ort/' })));
}

/** Outputs of a model's layers up to `end` (default all), whole and cut after some layers; each part reads what those before it gave. */
export async function splitModel(
  name: WebBackendName,
  { url, cuts, end }: { url: string; cuts: readonly number[]; end?: number },
): Promise<{ layers: number; whole: string; parts: string }> {
  const backend = opened(name);
  const packed = await packFrom(url, backend.inferShapes);
  const layers = end ?? packed.manifest.layers.length;
  const run = async (from: number, to: number, inputs: TensorMap): Promise<TensorMap> => {
    const session = await backend.prepare(segmentOf(packed, from, to));
    const read = Object.fromEntries(
      segmentOf(packed, from, to).model.inputs.map((i) => [i.name, present(inputs[i.name])]),
    );
    const { outputs } = await session.run(read);
    await session.dispose();
    return outputs;
  };
  const inputs = inputsOf(packed);
  const whole = await run(0, layers, inputs);
  const borders = [0, ...cuts, layers];
  let values: TensorMap = inputs;
  for (const [index, from] of borders.slice(0, -1).entries()) {
    values = { ...values, ...(await run(from, present(borders[index + 1]), values)) };
  }
  const parts = Object.fromEntries(Object.keys(whole).map((key) => [key, present(values[key])]));
  return { layers, whole: await digestOf(whole), parts: await digestOf(parts) };
}

function opened(name: WebBackendName): WebBackend {
  return present(open.get(name));
}
