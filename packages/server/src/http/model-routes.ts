import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { serverError } from '../errors.ts';
import type { StoredModel } from '../model-store/model-folder.ts';
import type { ModelStore } from '../model-store/model-store.ts';

/** What the routes of `/d3/models` need. */
export interface ModelRouteServices {
  readonly store: ModelStore;
  /** With a token, shared caches must not keep what they saw. */
  readonly isPrivate: boolean;
}

interface FileAnswer {
  readonly path: string;
  readonly etag: string;
  readonly type: string;
}

const YEAR_S = 31_536_000;

/**
 * Serves packed models: `/d3/models`, and by name or hash each file of a model. What is asked for by hash never changes, and may be
 * cached for good.
 */
export function modelRoutes(app: FastifyInstance, { store, isPrivate }: ModelRouteServices): void {
  const scope = isPrivate ? 'private' : 'public';
  const sendFile = async (request: FastifyRequest, reply: FastifyReply, file: FileAnswer) => {
    const { model } = request.params as { model: string };
    const lasting = /^[0-9a-f]{64}$/.test(model);
    reply
      .header('cache-control', lasting ? `${scope}, max-age=${YEAR_S}, immutable` : 'no-cache')
      .header('etag', file.etag);
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
    const { size } = await stat(file.path);
    return reply.header('content-length', size).type(file.type).send(createReadStream(file.path));
  };

  app.get('/d3/models', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return { models: await store.listing() };
  });
  app.get<{ Params: { model: string } }>('/d3/models/:model/manifest.json', async (request, reply) => {
    const model = await store.find(request.params.model);
    const etag = `"${model.manifest.hash}-manifest"`;
    return await sendFile(request, reply, fileOf(model, 'manifest.json', { etag, type: 'application/json' }));
  });
  app.get<{ Params: { model: string } }>('/d3/models/:model/graph.onnx', async (request, reply) => {
    const model = await store.find(request.params.model);
    const etag = `"${model.manifest.hash}"`;
    return await sendFile(request, reply, fileOf(model, 'graph.onnx', { etag, type: 'application/octet-stream' }));
  });
  app.get<{ Params: { model: string; id: string } }>('/d3/models/:model/weights/:id', async (request, reply) => {
    const model = await store.findHeld(request.params.model);
    const { path, weight } = store.weightFile(model, request.params.id);
    return await sendFile(request, reply, { path, etag: `"${weight.id}"`, type: 'application/octet-stream' });
  });
  app.get<{ Params: { model: string } }>('/d3/models/:model/model.d3.json', async (request, reply) => {
    const model = await store.find(request.params.model);
    const sidecar = await store.sidecar(model);
    if (sidecar === undefined) {
      throw serverError('SERVER_MODEL_FILE_UNKNOWN', { model: model.manifest.name, file: 'model.d3.json' });
    }
    // Not addressed by its contents, so asked about each time.
    const text = JSON.stringify(sidecar);
    const etag = `"${createHash('sha256').update(text).digest('hex')}"`;
    reply.header('cache-control', 'no-cache').header('etag', etag);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json').send(text);
  });
}

function fileOf(model: StoredModel, name: string, rest: Omit<FileAnswer, 'path'>): FileAnswer {
  return { path: join(model.folder, name), ...rest };
}
