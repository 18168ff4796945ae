import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of a link's near side, part of `@d3/protocol`. */
export const linkErrorTable = {
  PROTOCOL_LINK_UNREACHABLE: {
    message:
      "No link to '{url}': {reason}. Check that a D3 server listens there and that the network lets you reach it",
    status: 503,
    retryable: true,
  },
  PROTOCOL_LINK_CLOSED: {
    message: 'The link to {peer} closed ({code}{reason}): connect again and repeat what was pending',
    status: 503,
    retryable: true,
  },
  PROTOCOL_LINK_TIMEOUT: {
    message: '{peer} did not answer {what} within {timeoutMs} ms: try again, or allow it more time',
    status: 504,
    retryable: true,
  },
  PROTOCOL_LINK_BACKLOG: {
    message:
      '{queuedBytes} bytes wait to be sent to {peer} and maxQueuedBytes is {maxQueuedBytes}: send more slowly, or raise it',
    status: 503,
    retryable: true,
  },
} as const;

export const linkError: ErrorFactory<typeof linkErrorTable> = defineErrors(linkErrorTable);
