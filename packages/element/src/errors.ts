import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/element`. */
export const elementErrorTable = {
  ELEMENT_ATTRIBUTE: {
    message: 'Attribute {attribute}="{value}" of <d3-infer> is not valid: {remedy}',
    status: 400,
    retryable: false,
  },
  ELEMENT_SESSION_ENDED: {
    message:
      'The session of <d3-infer> ended: {reason}. Change an attribute, or put the element in again, to connect anew',
    status: 410,
    retryable: true,
  },
} as const;

export const elementError: ErrorFactory<typeof elementErrorTable> = defineErrors(elementErrorTable);
