import { isD3Error } from '@d3/errors';
import { CommanderError } from 'commander';

/** What `d3` ends with. */
export const EXIT = {
  /** It did what was asked, and the answer is yes. */
  ok: 0,
  /** It did what was asked, and the answer is no: not lossless, or no plan meets the constraints. */
  no: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** It could not do what was asked: an unreadable file, a server that does not answer. */
  failure: 3,
} as const;

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes of other packages for options that went through as they were given. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'SERVER_OPTION_INVALID',
  'SERVER_TOKEN_REQUIRED',
  'CLIENT_OPTION_INVALID',
]);

/** The exit code that fits an error. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (isD3Error(error, 'CLIENT_PLAN_INFEASIBLE')) return EXIT.no;
  if (isD3Error(error))
    return error.code.startsWith('CLI_BAD_') || USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.failure;
  return EXIT.failure;
}
