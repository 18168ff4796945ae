import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/server`. */
export const serverErrorTable = {
  SERVER_OPTION_INVALID: {
    message: 'Server option {option} is {value}: {problem}',
    status: 400,
    retryable: false,
  },
  SERVER_TOKEN_REQUIRED: {
    message:
      "Listening on '{host}', which others can reach, needs a token: set one (D3_TOKEN or --token), or listen on 127.0.0.1",
    status: 500,
    retryable: false,
  },
  SERVER_LISTEN_FAILED: {
    message: 'Cannot listen on {host}:{port}: {reason}. Free the port, or choose another',
    status: 500,
    retryable: false,
  },
  SERVER_TOKEN_REFUSED: {
    message: 'The {tier} refused the token of this {what}: give the one that the server was started with',
    status: 401,
    retryable: false,
  },
  SERVER_ORIGIN_REFUSED: {
    message: "Origin '{origin}' may not use this {tier}: start the server with --allow-origin {origin}",
    status: 403,
    retryable: false,
  },
  SERVER_HOST_REFUSED: {
    message:
      "This {tier} is not called '{host}': reach it as 127.0.0.1, or start it with --public-url, or with a token",
    status: 421,
    retryable: false,
  },
  SERVER_HELLO_REQUIRED: {
    message: "Message '{type}' came before hello: greet first, once",
    status: 400,
    retryable: false,
  },
  SERVER_MODEL_UNKNOWN: {
    message: "No model '{model}' at the {tier}{upstream}: pack it into the server's model folder, or see /d3/models",
    status: 404,
    retryable: false,
  },
  SERVER_MODEL_CORRUPT: {
    message:
      "File {file} of model '{model}' is not what its hash says (wanted {expected}, got {actual}): pack it again",
    status: 500,
    retryable: false,
  },
  SERVER_MODEL_FILE_UNKNOWN: {
    message: "Model '{model}' has no file '{file}': see the weights in its manifest",
    status: 404,
    retryable: false,
  },
  SERVER_MODEL_FETCH_FAILED: {
    message: "Model '{model}' could not be fetched from {upstream}: {reason}",
    status: 502,
    retryable: true,
  },
  SERVER_PROPOSAL_INVALID: {
    message: "Proposal of epoch {epoch} for model '{model}' cannot be used at the {tier}: {problem}",
    status: 400,
    retryable: false,
  },
  SERVER_EPOCH_UNKNOWN: {
    message: 'Epoch {epoch} is not prepared at the {tier}: propose it, and wait until it is ready',
    status: 409,
    retryable: true,
  },
  SERVER_TOO_MANY_EPOCHS: {
    message: 'This link holds {count} epochs and maxEpochs is {max}: release old ones',
    status: 429,
    retryable: true,
  },
  SERVER_BUSY: {
    message:
      '{count} requests are in flight on {where} of the {tier} and maxInFlight is {max}: wait for a result first',
    status: 429,
    retryable: true,
  },
  SERVER_BYTES_BUSY: {
    message:
      'A request of {bytes} bytes is too much for the {tier} beside {held} bytes that are in flight; maxHttpBytes is {max}: wait for a result first',
    status: 429,
    retryable: true,
  },
  SERVER_DEADLINE_EXCEEDED: {
    message: 'Request {request} was not finished within its {deadlineMs} ms at the {tier}: allow it more time',
    status: 504,
    retryable: true,
  },
  SERVER_DRAINING: {
    message: 'The {tier} is going away and takes nothing new: use another server',
    status: 503,
    retryable: true,
  },
  SERVER_UPSTREAM_MISSING: {
    message:
      'Epoch {epoch} has layers behind the {tier}, which has no upstream: keep them at or before it, or set upstream',
    status: 400,
    retryable: false,
  },
  SERVER_UPSTREAM_LOST: {
    message: 'The {tier} lost its upstream {upstream} ({reason}): repeat the request, or plan without that tier',
    status: 503,
    retryable: true,
  },
  SERVER_INPUT_INVALID: {
    message: "Input '{tensor}' of model '{model}' {problem}: send every input once, as /v2/models/{model} describes it",
    status: 400,
    retryable: false,
  },
  SERVER_NOT_FOUND: {
    message: 'Nothing at {method} {path}: see the documentation for what a D3 server answers',
    status: 404,
    retryable: false,
  },
  SERVER_REQUEST_INVALID: {
    message: '{method} {path} cannot be answered: {problem}',
    status: 400,
    retryable: false,
  },
  SERVER_FAILED: {
    message: 'The {tier} failed at {what}: the cause is in its log under {reference}',
    status: 500,
    retryable: true,
  },
} as const;

export const serverError: ErrorFactory<typeof serverErrorTable> = defineErrors(serverErrorTable);
