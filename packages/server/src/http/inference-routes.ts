import type { Manifest, ManifestTensor } from '@d3/onnx';
import { datatypeOf, encodeInferResponse, parseInferRequest } from '@d3/protocol';
import { abortable } from '@d3/runtime';
import type { TensorMap } from '@d3/tensor';
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import { serverError } from '../errors.ts';
import type { Executor } from '../executor/executor.ts';
import type { ModelStore } from '../model-store/model-store.ts';
import type { ServerLimits } from '../options.ts';

/** What the Open Inference Protocol's routes need. */
export interface InferenceRouteServices {
  readonly tier: string;
  readonly version: string;
  readonly store: ModelStore;
  readonly executor: Executor;
  readonly limits: ServerLimits;
  /** Why the server is not ready; undefined when it is. */
  readonly unready: () => string | undefined;
  readonly draining: () => boolean;
}

type ByModel = { Params: { model: string } };

/**
 * The Open Inference Protocol v2: whole models, run on this tier by the executor that links use too. Health is answered without a
 * token.
 */
export function inferenceRoutes(app: FastifyInstance, services: InferenceRouteServices): void {
  const { tier, version, store, limits, unready, draining } = services;
  app.removeAllContentTypeParsers();
  const types = ['application/json', 'application/octet-stream'];
  app.addContentTypeParser(types, { parseAs: 'buffer', bodyLimit: limits.maxFrameBytes }, keepBytes);

  app.get('/v2', async () => ({ name: `d3-${tier}`, version, extensions: ['binary_tensor_data'] }));
  app.get('/v2/health/live', async () => ({ live: true }));
  app.get('/v2/health/ready', async (_request, reply) => {
    const reason = unready();
    return reply
      .code(reason === undefined ? 200 : 503)
      .send({ ready: reason === undefined, ...(reason && { reason }) });
  });
  app.get<ByModel>('/v2/models/:model', async ({ params }) => metadataOf((await store.find(params.model)).manifest));
  app.get<ByModel>('/v2/models/:model/ready', async ({ params }, reply) => {
    await store.find(params.model);
    return reply.code(draining() ? 503 : 200).send({ ready: !draining() });
  });
  app.post<ByModel>('/v2/models/:model/infer', { onRequest: admission(services) }, async (request, reply) => {
    if (draining()) throw serverError('SERVER_DRAINING', { tier });
    const asked = parseInferRequest(request.headers, request.body as Uint8Array, limits);
    const ended = new AbortController();
    reply.raw.on('close', () => ended.abort(new Error('the caller hung up')));
    const deadlineMs = limits.maxHttpMs;
    const late = () =>
      ended.abort(serverError('SERVER_DEADLINE_EXCEEDED', { request: asked.id ?? request.id, deadlineMs, tier }));
    const timer = setTimeout(late, deadlineMs);
    const work = { ...request.params, inputs: asked.inputs };
    const { outputs, name, hash } = await runWhole(services, work, ended.signal).finally(() => clearTimeout(timer));
    const response = {
      modelName: name,
      modelVersion: hash,
      outputs,
      ...(asked.id === undefined ? {} : { id: asked.id }),
    };
    const { headers, body } = encodeInferResponse(response, asked);
    return reply.headers(headers).send(body);
  });
}

/**
 * Lets `maxInFlight` requests of `maxHttpBytes` together in at once, each until its answer is out or its caller gone; more are refused
 * before their body is read. A body that does not say its length counts as the longest.
 */
function admission({ tier, limits }: InferenceRouteServices): onRequestAsyncHookHandler {
  let inFlight = 0;
  let held = 0;
  return async ({ headers }, reply) => {
    const bytes = Math.min(limits.maxFrameBytes, Number(headers['content-length'] ?? limits.maxFrameBytes));
    if (inFlight >= limits.maxInFlight) {
      throw serverError('SERVER_BUSY', { count: inFlight, where: 'the HTTP side', tier, max: limits.maxInFlight });
    }
    if (held > 0 && held + bytes > limits.maxHttpBytes) {
      throw serverError('SERVER_BYTES_BUSY', { bytes, tier, held, max: limits.maxHttpBytes });
    }
    inFlight += 1;
    held += bytes;
    reply.raw.once('close', () => {
      inFlight -= 1;
      held -= bytes;
    });
  };
}

async function runWhole(
  { store, executor }: InferenceRouteServices,
  asked: { readonly model: string; readonly inputs: TensorMap },
  signal: AbortSignal,
): Promise<{ readonly outputs: TensorMap; readonly name: string; readonly hash: string }> {
  const model = await store.find(asked.model);
  const { manifest } = model;
  checkInputs(manifest, asked.inputs);
  const all = manifest.layers.map((_, index) => index);
  const preparing = executor.prepare(model, all);
  const segment = await abortable(preparing, signal).catch((error: unknown) => {
    preparing.then((late) => late.release()).catch(() => undefined);
    throw error;
  });
  try {
    const { outputs } = await executor.run(segment, asked.inputs, signal);
    return { outputs, name: manifest.name, hash: manifest.hash };
  } finally {
    segment.release();
  }
}

function checkInputs({ name: model, tensors }: Manifest, given: TensorMap): void {
  const wanted = tensors.filter(({ isInput }) => isInput);
  const refuse = (tensor: string, problem: string) => serverError('SERVER_INPUT_INVALID', { tensor, model, problem });
  for (const { name, type, shape } of wanted) {
    const tensor = Object.hasOwn(given, name) ? given[name] : undefined;
    if (tensor === undefined) throw refuse(name, 'is missing');
    if (tensor.type === type && tensor.shape.join() === shape.join()) continue;
    throw refuse(name, `is ${tensor.type} [${tensor.shape}] and must be ${type} [${shape}]`);
  }
  const surplus = Object.keys(given).find((name) => !wanted.some((tensor) => tensor.name === name));
  if (surplus !== undefined)
    throw refuse(surplus, `is none of its inputs ${wanted.map(({ name }) => name).join(', ')}`);
}

function metadataOf({ name, hash, tensors }: Manifest): object {
  const describe = ({ name, type, shape }: ManifestTensor) => ({ name, datatype: datatypeOf(type), shape });
  return {
    name,
    versions: [hash],
    platform: 'onnxruntime_onnx',
    inputs: tensors.filter(({ isInput }) => isInput).map(describe),
    outputs: tensors.filter(({ isOutput }) => isOutput).map(describe),
  };
}

function keepBytes(_request: unknown, body: Buffer, done: (error: null, body: Buffer) => void): void {
  done(null, body);
}
