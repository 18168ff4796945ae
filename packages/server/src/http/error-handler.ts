import { randomUUID } from 'node:crypto';
import { D3Error, isD3Error } from '@d3/errors';
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { serverError } from '../errors.ts';

/**
 * What a peer is told of an error: a typed one as it is; any other is logged under a reference, and the peer gets only that.
 *
 * @param what - what was being done, for the text
 */
export function explainError(
  error: unknown,
  context: { readonly tier: string; readonly what: string; readonly log: FastifyBaseLogger },
): D3Error {
  if (isD3Error(error)) return error instanceof D3Error ? error : D3Error.fromJSON(error);
  const { tier, what, log } = context;
  const reference = randomUUID();
  log.error({ err: error, reference, what }, 'unexpected failure');
  return serverError('SERVER_FAILED', { tier, what, reference });
}

/**
 * Every error leaves as `{error: D3ErrorJson}` with the status of its code; under `/v2` as the Open Inference Protocol has it, where
 * `error` is a text, with the rest beside it: `{error, d3: D3ErrorJson}`.
 */
export function answerErrors(app: FastifyInstance, tier: string): void {
  app.setErrorHandler((error: FastifyError | D3Error, request, reply) => {
    const { method, url } = request;
    const path = url.split('?', 1)[0] ?? '';
    endRefusedUpgrade(request, reply);
    const status = 'statusCode' in error ? error.statusCode : undefined;
    if (!isD3Error(error) && status !== undefined && status < 500) {
      const refused = serverError('SERVER_REQUEST_INVALID', { method, path, problem: error.message });
      return reply.code(status).send(bodyOf(path, refused));
    }
    const known = explainError(error, { tier, what: `${method} ${path}`, log: request.log });
    if (known.retryable && known.status >= 429) reply.header('retry-after', '1');
    return reply.code(known.status).send(bodyOf(path, known));
  });
  app.setNotFoundHandler((request, reply) => {
    endRefusedUpgrade(request, reply);
    const { method, url } = request;
    const path = url.split('?', 1)[0] ?? '';
    const unknown = serverError('SERVER_NOT_FOUND', { method, path: path.slice(0, 200) });
    return reply.code(404).send(bodyOf(path, unknown));
  });
}

function bodyOf(path: string, error: D3Error): object {
  const json = error.toJSON();
  return path === '/v2' || path.startsWith('/v2/') ? { error: json.message, d3: json } : { error: json };
}

/** Node lets go of a socket that asked for an upgrade: one that is refused would stay open for as long as its peer likes. */
function endRefusedUpgrade({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (raw.headers.upgrade === undefined) return;
  reply.raw.once('finish', () => raw.socket.destroySoon());
}
