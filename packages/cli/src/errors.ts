import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/cli`. Those of bad usage (`CLI_BAD_…`) end the command with exit code 2. */
export const cliErrorTable = {
  CLI_BAD_OPTION: {
    message: "Option {option} is '{value}', and must be {expected}",
    status: 400,
    retryable: false,
  },
  CLI_BAD_LAYER: {
    message:
      "Option {option} names layer '{value}', and the model '{model}' has no such layer: give a name, an index from 0 to {last}, first or last (d3 plan MODEL lists them)",
    status: 400,
    retryable: false,
  },
  CLI_BAD_TIER: {
    message: "Option {option} names tier '{value}', and the tiers are {tiers}",
    status: 400,
    retryable: false,
  },
  CLI_BAD_LINK: {
    message: "Option --link names '{value}', and the links are {links}",
    status: 400,
    retryable: false,
  },
  CLI_BAD_USAGE: { message: '{problem}: {remedy}', status: 400, retryable: false },
  CLI_FILE_UNREADABLE: {
    message: "Cannot read '{path}' ({reason}): give the path of {expected}",
    status: 404,
    retryable: false,
  },
  CLI_FILE_UNWRITABLE: {
    message: "Cannot write '{path}' ({reason}): choose another folder with -o",
    status: 500,
    retryable: false,
  },
  CLI_MODEL_DAMAGED: {
    message: "Packed model '{path}' is damaged ({reason}): pack its ONNX file again",
    status: 422,
    retryable: false,
  },
  CLI_NOT_A_PLAN: {
    message: "'{path}' is not {expected} ({reason}): write one with `d3 plan MODEL --json`",
    status: 422,
    retryable: false,
  },
  CLI_PLAN_MISMATCH: {
    message: "'{path}' is for another network than '{model}' ({reason}): plan this model again",
    status: 422,
    retryable: false,
  },
  CLI_INPUT_MISMATCH: {
    message:
      "Input '{path}' does not fit input '{input}' of '{model}': it has {actual}, and the model needs {expected}",
    status: 422,
    retryable: false,
  },
  CLI_NO_SIDECAR: {
    message:
      "'{model}' has no {sidecar} beside it, so a picture cannot become its input: write one that says size, colours and labels",
    status: 422,
    retryable: false,
  },
  CLI_NOT_AVAILABLE: {
    message: '{what} is not available in this version: {remedy}',
    status: 501,
    retryable: false,
  },
} as const;

export const cliError: ErrorFactory<typeof cliErrorTable> = defineErrors(cliErrorTable);
