import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { byteLength, type Tensor, type TensorMap } from '@d3/tensor';
import * as ort from 'onnxruntime-node';
import { fromOrtTensor, toOrtTensor } from '../ort-tensor.ts';
import { slowDown } from '../slow-down.ts';
import type { SessionPlan, ValueSpec, WorkerMap, WorkerReply, WorkerRequest } from './worker-messages.ts';

interface LiveSession {
  readonly session: ort.InferenceSession;
  readonly outputs: readonly ValueSpec[];
}

const live = new Map<number, LiveSession>();
const neverNotified = new Int32Array(new SharedArrayBuffer(4));

const handlers: { [K in keyof WorkerMap]: (body: WorkerMap[K][0]) => Promise<WorkerMap[K][1]> } = {
  start: async () => ({ version: ort.env.versions.node ?? 'unknown' }),
  create: async ({ session, plan }) => {
    const created = await createSession(plan);
    live.set(session, { session: created, outputs: plan.outputs });
    if (plan.warm) await warm(created, plan);
    return {};
  },
  run: async ({ session, inputs, slowdown }) => {
    const target = live.get(session);
    if (target === undefined) throw new Error(`session ${session} is not loaded in this worker`);
    const waitedMs = slowdown > 1 ? coreWaitMs() : 0;
    const startedMs = performance.now();
    const outputs = await runSession(target, inputs);
    const ownMs = performance.now() - startedMs;
    // Tiers that share a machine wait for its cores: a wait that a slower machine would not have, let alone so many times as long.
    const onCoreMs = slowdown > 1 ? Math.max(0, ownMs - (coreWaitMs() - waitedMs)) : ownMs;
    const slowedMs = await slowDown(onCoreMs, slowdown, sleep);
    return { outputs, computeMs: ownMs - onCoreMs + slowedMs, spent: inputs };
  },
  release: async ({ session }) => {
    const target = live.get(session);
    live.delete(session);
    await target?.session.release();
    return {};
  },
  shapes: async ({ model }) => {
    const session = await ort.InferenceSession.create(model, {
      graphOptimizationLevel: 'disabled',
      intraOpNumThreads: 1,
    });
    const values = session.outputMetadata.flatMap((value) =>
      value.isTensor ? [{ name: value.name, type: value.type, shape: value.shape }] : [],
    );
    await session.release();
    return { values };
  },
};

/** For how long this thread has been ready to run and had no core; 0 where the system does not tell. */
function coreWaitMs(): number {
  try {
    const [, waitedNs] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ');
    return Number(waitedNs ?? 0) / 1e6;
  } catch {
    return 0;
  }
}

/** This thread has nothing else to do: blocking it is exact to a fraction of a millisecond, a timer is not. */
function sleep(ms: number): void {
  Atomics.wait(neverNotified, 0, 0, ms);
}

function createSession(plan: SessionPlan): Promise<ort.InferenceSession> {
  const { weights } = plan;
  const session: Record<string, string> = {
    // The same for wholes and parts, or their bits differ; without it a mapped file is also copied for every session.
    disable_prepacking: '1',
    ...(weights.kind === 'folder' ? { model_external_initializers_file_folder_path: weights.path } : {}),
  };
  return ort.InferenceSession.create(plan.model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: plan.level,
    intraOpNumThreads: plan.intraOpThreads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
    extra: { session },
    ...(weights.kind === 'blobs' ? { externalData: weights.blobs.map(([path, data]) => ({ path, data })) } : {}),
  });
}

/**
 * One run on zeros, so that the arena is there before the first request. Integer inputs may be divisors, indices or shapes
 * that zeros are wrong for: such a segment stays cold, and one that fails on zeros will say so on real data.
 */
async function warm(session: ort.InferenceSession, plan: SessionPlan): Promise<void> {
  if (plan.inputs.some(({ type }) => type === 'int32' || type === 'int64')) return;
  const zeros = plan.inputs.map((input) => [input.name, zerosOf(input)] as const);
  await runSession({ session, outputs: plan.outputs }, Object.fromEntries(zeros)).catch(() => undefined);
}

function zerosOf({ type, shape }: ValueSpec): Tensor {
  return { type, shape, bytes: new Uint8Array(byteLength(type, shape)) };
}

async function runSession({ session, outputs }: LiveSession, inputs: TensorMap): Promise<TensorMap> {
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, tensor] of Object.entries(inputs)) feeds[name] = toOrtTensor(ort.Tensor, tensor);
  const fetches: Record<string, ort.Tensor> = {};
  for (const output of outputs) fetches[output.name] = toOrtTensor(ort.Tensor, zerosOf(output));
  const results = await session.run(feeds, fetches);
  return Object.fromEntries(outputs.map(({ name }) => [name, fromOrtTensor(name, resultOf(results, name))]));
}

function resultOf(results: ort.InferenceSession.ReturnType, name: string): ort.Tensor {
  const result = results[name];
  if (result === undefined) throw new Error(`the model has no output '${name}'`);
  return result as ort.Tensor;
}

/** Buffers that leave for good; each once, since two outputs may share one. */
function buffersOf(value: WorkerMap[keyof WorkerMap][1]): ArrayBuffer[] {
  if (!('outputs' in value)) return [];
  const tensors = [...Object.values(value.outputs), ...Object.values(value.spent)];
  return [...new Set(tensors.map((tensor) => tensor.bytes.buffer))];
}

async function answer({ kind, body }: WorkerRequest): Promise<WorkerReply> {
  try {
    return { ok: true, value: await handlers[kind](body as never) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', async (request: WorkerRequest) => {
  const reply = await answer(request);
  parentPort?.postMessage(reply, reply.ok ? buffersOf(reply.value) : []);
});
