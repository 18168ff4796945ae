import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/client`, browser and Node alike. */
export const clientErrorTable = {
  CLIENT_CLOSED: {
    message: 'The session is closed ({reason}): call connect() again',
    status: 410,
    retryable: false,
  },
  CLIENT_OPTION_INVALID: {
    message: "Option '{option}' is {value}: {remedy}",
    status: 400,
    retryable: false,
  },
  CLIENT_EDGE_INSECURE: {
    message:
      'A page from {page} may not open {edge}, because browsers block plain ws:// on secure pages: serve the edge with TLS and give its wss:// address, or open the page over http://',
    status: 400,
    retryable: false,
  },
  CLIENT_EDGE_UNREACHABLE: {
    message:
      'Cannot reach the edge at {edge}: {problem}. Check the address and that an edge listens there.{permission}',
    status: 503,
    retryable: true,
  },
  CLIENT_EDGE_LOST: {
    message: 'The edge at {edge} was lost ({problem}) and this device cannot finish alone: {remedy}',
    status: 503,
    retryable: true,
  },
  CLIENT_TIER_AWAY: {
    message:
      'No plan can do without what is away ({tiers}): {problem}. It is planned again when that is back; or relax pin, keepOnDevice or memoryBytes',
    status: 503,
    retryable: true,
  },
  CLIENT_MODEL_UNKNOWN: {
    message: "Model '{model}' is not at {place}, which has: {known}. Pack it there, or choose one of these",
    status: 404,
    retryable: false,
  },
  CLIENT_MODEL_UNREADABLE: {
    message: "Cannot read {file} of model '{model}' from {url}: {problem}",
    status: 502,
    retryable: true,
  },
  CLIENT_MODEL_HASH_MISMATCH: {
    message:
      "Model '{model}' should have hash {expected} and {place} gave {actual}: both sides must hold the same packed model; pack it again",
    status: 409,
    retryable: false,
  },
  CLIENT_MODEL_CORRUPT: {
    message: "{file} of model '{model}' from {url} is not what its hash says ({problem}): pack the model again",
    status: 502,
    retryable: true,
  },
  CLIENT_BACKEND_UNAVAILABLE: {
    message: 'No backend works on this device ({tried}): allow others with the option backends, or update the browser',
    status: 501,
    retryable: false,
  },
  CLIENT_PLAN_INFEASIBLE: {
    message: 'No plan respects the constraints: {reason}. Relax keepOnDevice, pin, memoryBytes or unavailable',
    status: 422,
    retryable: false,
  },
  CLIENT_INPUT_UNKNOWN: {
    message: "Model '{model}' has no input '{input}': its inputs are {known}",
    status: 400,
    retryable: false,
  },
  CLIENT_INPUT_MISSING: {
    message: "Input '{input}' of model '{model}' is missing: give a {type} tensor of shape [{shape}]",
    status: 400,
    retryable: false,
  },
  CLIENT_INPUT_MISMATCH: {
    message:
      "Input '{input}' of model '{model}' is {actual} and must be {expected}: convert or reshape it before infer()",
    status: 400,
    retryable: false,
  },
  CLIENT_INPUT_KIND: {
    message: "Model '{model}' cannot take a {kind}: {reason}",
    status: 400,
    retryable: false,
  },
  CLIENT_DEADLINE_EXCEEDED: {
    message:
      'Request {request} took longer than its deadline of {deadlineMs} ms: allow it more, or plan for a faster tier',
    status: 504,
    retryable: true,
  },
  CLIENT_WORKER_FAILED: {
    message:
      'The session worker failed: {problem}. Call connect() again; under a strict CSP serve the worker from the page’s origin',
    status: 500,
    retryable: true,
  },
  CLIENT_PICTURE_UNREADABLE: {
    message: 'This is not a picture that can be read here: {problem}. Give a PNG, JPEG or WebP image',
    status: 400,
    retryable: false,
  },
} as const;

export const clientError: ErrorFactory<typeof clientErrorTable> = defineErrors(clientErrorTable);
