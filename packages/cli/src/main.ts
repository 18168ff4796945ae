import { isD3Error } from '@d3/errors';
import { CommanderError } from 'commander';
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.ts';
import { createProgram } from './program.ts';
import { printJson, processTerminal, type Terminal } from './terminal/terminal.ts';

/**
 * Runs one `d3` command line.
 *
 * @param args - the words after `d3`
 * @returns its exit code (see {@link EXIT}); never rejects
 */
export async function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
  let answer: ExitCode = EXIT.ok;
  const program = createProgram(terminal, (code) => {
    answer = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return answer;
  } catch (error) {
    if (!(error instanceof CommanderError)) reportError(terminal, error, args.includes('--json'));
    return exitCodeOf(error);
  }
}

/** The text for a person; with `--json` the error for a program too. An unexpected one shows where it came from. */
function reportError(terminal: Terminal, error: unknown, json: boolean): void {
  const expected = isD3Error(error);
  const message = error instanceof Error ? error.message : String(error);
  terminal.err(
    expected ? `d3: ${message} (${error.code})\n` : `d3: ${error instanceof Error ? error.stack : message}\n`,
  );
  if (!json) return;
  const { code, details } = expected ? error : { code: 'CLI_UNEXPECTED', details: {} };
  printJson(terminal, { error: { code, message, details } });
}
