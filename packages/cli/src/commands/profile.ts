import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { measureMachine } from '../model/measure-machine.ts';
import { createProgress } from '../terminal/progress.ts';
import { formatMs, significant } from '../terminal/table.ts';
import { printJson } from '../terminal/terminal.ts';

/** `d3 profile`: this machine's calibration. */
export function profileCommand({ terminal }: CommandContext): Command {
  return new Command('profile')
    .description('Measure how fast this machine runs a network: what d3 plan takes every tier to be')
    .option('--json', 'print the profile as JSON')
    .action(async (options: { json?: boolean }) => {
      const progress = createProgress(terminal);
      progress.show('measuring this machine …');
      const profile = await measureMachine();
      progress.clear();
      if (options.json) return printJson(terminal, profile);
      terminal.out(
        `${profile.backend}: ${significant(profile.gflops)} GFLOP/s in one thread of ${profile.cores}, ${formatMs(profile.fixedMs)} a segment\n`,
      );
      terminal.out(`numeric class ${profile.numericClass}\n`);
    });
}
