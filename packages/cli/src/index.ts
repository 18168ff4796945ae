/**
 * The `d3` command, and its parts for programs that check models themselves.
 *
 * @packageDocumentation
 */
export { cliErrorTable } from './errors.ts';
export { EXIT, type ExitCode } from './exit-code.ts';
export { main } from './main.ts';
export type { Terminal } from './terminal/terminal.ts';
