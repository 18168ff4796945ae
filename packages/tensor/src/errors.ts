import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/tensor`. */
export const tensorErrorTable = {
  TENSOR_SIZE_MISMATCH: {
    message:
      "Tensor '{tensor}' of type {type} and shape [{shape}] needs {expected} bytes and has {actual}: pass data of the declared shape",
    status: 400,
    retryable: false,
  },
} as const;

export const tensorError: ErrorFactory<typeof tensorErrorTable> = defineErrors(tensorErrorTable);
