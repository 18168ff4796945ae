import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/element`. */
export const elementErrorTable = {
  ELEMENT_ATTRIBUTE: {
    message: 'Attribute {attribute}="{value}" of <d3-infer> is not valid: {remedy}',
    status: 400,
    retryable: false,
  },
} as const;

export const elementError: ErrorFactory<typeof elementErrorTable> = defineErrors(elementErrorTable);
