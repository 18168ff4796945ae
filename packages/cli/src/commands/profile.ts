import { writeFile } from 'node:fs/promises';
import { encodeProfile, type KindTerms, type StoredProfile } from '@d3/profile';
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { cliError } from '../errors.ts';
import { measureMachine } from '../model/measure-machine.ts';
import { reasonOf } from '../model/read-file.ts';
import { readProfile } from '../model/read-profile.ts';
import { createProgress } from '../terminal/progress.ts';
import { formatMs, significant, table } from '../terminal/table.ts';
import { printJson, type Terminal } from '../terminal/terminal.ts';

const HELP = `
A profile file is what d3 plan --profile TIER=FILE reads: measure each machine where it stands, and plan anywhere.`;

const COLUMNS = [
  { title: 'kind' },
  ...['ms', 'ms/GFLOP', 'ms/MB read', 'ms/MB written', 'ms/MB weights'].map((title) => ({
    title,
    align: 'right' as const,
  })),
];

interface ProfileCommandOptions {
  readonly out?: string;
  readonly json?: boolean;
}

/** `d3 profile`: this machine's calibration, measured and shown, or kept in a file; or what such a file says. */
export function profileCommand({ terminal }: CommandContext): Command {
  return new Command('profile')
    .description('Measure how fast this machine runs each kind of layer: what d3 plan takes every tier to be')
    .argument('[file]', 'a profile file: check it and show it instead of measuring')
    .option('-o, --out <file>', 'write the profile to a file')
    .option('--json', 'print the profile as JSON')
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: ProfileCommandOptions) => {
      const { stored, cores } = file === undefined ? await measured(terminal) : await kept(file);
      if (options.out !== undefined) await writeProfile(options.out, stored);
      if (options.json) return printJson(terminal, summary(stored, cores));
      terminal.out(profileText(stored, cores));
      if (options.out !== undefined) terminal.out(`written: ${options.out}\n`);
    });
}

async function measured(terminal: Terminal): Promise<{ stored: StoredProfile; cores: number | undefined }> {
  const progress = createProgress(terminal);
  const profile = await measureMachine('full', (fraction) => progress.show('measuring this machine', fraction));
  progress.clear();
  return profile;
}

async function kept(file: string): Promise<{ stored: StoredProfile; cores: number | undefined }> {
  return { stored: await readProfile(file), cores: undefined };
}

async function writeProfile(path: string, stored: StoredProfile): Promise<void> {
  try {
    await writeFile(path, encodeProfile(stored));
  } catch (cause) {
    throw cliError('CLI_FILE_UNWRITABLE', { path, reason: reasonOf(cause) }, { cause });
  }
}

function summary({ key, measuredAtMs, ...profile }: StoredProfile, cores: number | undefined): object {
  const { hardware, backend, runtime } = key;
  const measured = new Date(measuredAtMs).toISOString();
  return { backend, hardware, numericClass: runtime, measured, ...(cores !== undefined && { cores }), ...profile };
}

function profileText({ key, gflops, fixedMs, terms }: StoredProfile, cores: number | undefined): string {
  const threads = cores === undefined ? '' : ` of ${cores}`;
  const headline = `${key.backend}: ${significant(gflops)} GFLOP/s in one thread${threads}, ${formatMs(fixedMs)} a segment`;
  const rows = Object.entries(terms).map(([kind, of]) => [kind, ...termTexts(of)]);
  return `${headline}\n${key.hardware}, numeric class ${key.runtime}\n\n${table(COLUMNS, rows)}`;
}

function termTexts(of: KindTerms): string[] {
  const perMb = [of.msPerInputByte, of.msPerOutputByte, of.msPerWeightByte].map((ms) => ms * 1e6);
  return [of.constantMs, of.msPerFlop * 1e9, ...perMb].map((value) => value.toPrecision(2));
}
