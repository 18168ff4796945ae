import type { ExitCode } from './exit-code.ts';
import type { Terminal } from './terminal/terminal.ts';

/** What every command is given. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** States an answer other than yes: the command's exit code. */
  answer(code: ExitCode): void;
}
