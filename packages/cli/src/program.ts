import { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { inferCommand } from './commands/infer.ts';
import { packCommand } from './commands/pack.ts';
import { planCommand } from './commands/plan.ts';
import { profileCommand } from './commands/profile.ts';
import { serveCommand } from './commands/serve.ts';
import { splitCommand } from './commands/split.ts';
import { verifyCommand } from './commands/verify.ts';
import { zooCommand } from './commands/zoo.ts';
import type { ExitCode } from './exit-code.ts';
import type { Terminal } from './terminal/terminal.ts';

const VERSION = '0.1.0';

const EXIT_HELP = `
Exit codes: 0 done; 1 done, and the answer is no (not lossless, no plan meets the constraints); 2 the command line cannot be
understood; 3 it could not be done. Results go to standard output, progress and errors to standard error.`;

/** The command line as a commander program; it throws instead of ending the process. */
export function createProgram(terminal: Terminal, answer: (code: ExitCode) => void): Command {
  const context: CommandContext = { terminal, answer };
  const program = new Command('d3')
    .version(VERSION, '--version', 'print the version')
    .description('Runs one neural network across a browser, an edge server and the cloud without changing its answer.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .showHelpAfterError('(d3 --help lists the commands, d3 COMMAND --help its options)')
    .addHelpText('after', EXIT_HELP);
  for (const make of [
    packCommand,
    splitCommand,
    verifyCommand,
    planCommand,
    inferCommand,
    serveCommand,
    profileCommand,
    zooCommand,
  ]) {
    program.addCommand(make(context).copyInheritedSettings(program));
  }
  return program;
}
