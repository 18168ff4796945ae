import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/partition`. */
export const partitionErrorTable = {
  PARTITION_GRAPH_INVALID: {
    message: "The graph breaks rule {rule} at '{name}': {fault}",
    status: 400,
    retryable: false,
  },
  PARTITION_PROBLEM_INVALID: {
    message: 'The planning problem breaks rule {rule}: {place} is {value}, but must be {remedy}',
    status: 400,
    retryable: false,
  },
  PARTITION_PLAN_INVALID: {
    message: 'The plan breaks rule {rule}: {fault}',
    status: 400,
    retryable: false,
  },
  PARTITION_STACK_INVALID: {
    message: "The stack cannot be tiled at layer '{layer}': {fault}; end the stack before it",
    status: 400,
    retryable: false,
  },
  PARTITION_STRATEGY_UNKNOWN: {
    message: "There is no strategy '{strategy}': choose from {known}",
    status: 400,
    retryable: false,
  },
} as const;

export const partitionError: ErrorFactory<typeof partitionErrorTable> = defineErrors(partitionErrorTable);
