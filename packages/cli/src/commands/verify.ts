import { availableParallelism } from 'node:os';
import type { Backend } from '@d3/runtime';
import { createNodeBackend } from '@d3/runtime/node';
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { cliError } from '../errors.ts';
import { EXIT } from '../exit-code.ts';
import { repeatable } from '../options/goal.ts';
import { parseInteger } from '../options/quantities.ts';
import { createProgress, type ProgressLine } from '../terminal/progress.ts';
import { printJson } from '../terminal/terminal.ts';
import { openSubject } from '../verify/open-subject.ts';
import type { ModelVerdict } from '../verify/verdict.ts';
import { verdictText } from '../verify/verdict-text.ts';
import { verifyModel } from '../verify/verify-model.ts';

interface VerifyCommandOptions {
  readonly cuts: 'all' | number;
  readonly random: number;
  readonly seed: number;
  readonly randomWeights?: number;
  readonly input: readonly string[];
  readonly tiles?: string;
  readonly json?: boolean;
}

const HELP = `
Every split is run on seeded noise, on the inputs beside a model (MODEL.test/NAME/input_0.pb) and on those given with --input; its
boundary tensors and outputs are compared bit for bit with the whole model's. "reference" is the whole with every boundary
tensor as an output, and the cut at every layer at once. Exit code 1: some split differs, or the outputs do not vary with the input.`;

/** Threads beyond this many would wait for memory. */
const MAX_LANES = 8;

/** `d3 verify`: may these models be split without changing a bit? */
export function verifyCommand(context: CommandContext): Command {
  return new Command('verify')
    .description('Run splits of models and compare them bit for bit with the whole')
    .argument('<models...>', 'ONNX files or packed folders')
    .option('--cuts <n>', 'cuts after a prefix of the layers: all, or that many', parseCuts, 'all')
    .option(
      '--random <n>',
      'random three-way assignments',
      (text) => parseInteger('--random', text, { min: 0, max: 1e6 }),
      50,
    )
    .option('--tiles <grids>', 'tile grids, e.g. 2x1,2x2; not in this version')
    .option(
      '--seed <s>',
      'seed of noise and assignments',
      (text) => parseInteger('--seed', text, { min: 0, max: 2 ** 31 }),
      1,
    )
    .option('--random-weights <s>', 'give a file with constant weights seeded ones', (text) =>
      parseInteger('--random-weights', text, { min: 0, max: 2 ** 31 }),
    )
    .addOption(repeatable('--input <file>', 'a picture or a .pb tensor to run on as well', String))
    .option('--json', 'print the verdicts as JSON')
    .addHelpText('after', HELP)
    .action(async (paths: string[], options: VerifyCommandOptions) => {
      checkTiles(options.tiles);
      const verdicts = await verifyAll(paths, options, createProgress(context.terminal));
      const lossless = verdicts.every((verdict) => verdict.lossless);
      if (!lossless) context.answer(EXIT.no);
      if (options.json) printJson(context.terminal, { models: verdicts, lossless });
      else context.terminal.out(verdictText(verdicts));
    });
}

async function verifyAll(
  paths: readonly string[],
  options: VerifyCommandOptions,
  progress: ProgressLine,
): Promise<ModelVerdict[]> {
  const lanes = await startLanes();
  try {
    const verdicts: ModelVerdict[] = [];
    for (const path of paths) {
      progress.show(`packing ${path} …`);
      const subject = await openSubject(path, options);
      const onProgress = (fraction: number) => progress.show(`splitting ${subject.packed.manifest.name}`, fraction);
      verdicts.push(await verifyModel(subject, { ...options, lanes, onProgress }));
    }
    return verdicts;
  } finally {
    progress.clear();
    await Promise.all(lanes.map((lane) => lane.dispose()));
  }
}

async function startLanes(): Promise<[Backend, ...Backend[]]> {
  const first = await createNodeBackend();
  const more = Math.min(MAX_LANES, availableParallelism()) - 1;
  return [first, ...(await Promise.all(Array.from({ length: more }, () => createNodeBackend())))];
}

function parseCuts(text: string): 'all' | number {
  return text === 'all' ? 'all' : parseInteger('--cuts', text, { min: 0, max: 1e6 });
}

function checkTiles(tiles: string | undefined): void {
  if (tiles === undefined) return;
  if (!/^[1-9]\d?x[1-9]\d?(,[1-9]\d?x[1-9]\d?)*$/.test(tiles)) {
    throw cliError('CLI_BAD_OPTION', { option: '--tiles', value: tiles, expected: 'ROWSxCOLUMNS grids, e.g. 2x1,2x2' });
  }
  throw cliError('CLI_NOT_AVAILABLE', {
    what: 'Running a segment tile by tile (--tiles)',
    remedy: 'leave it out to verify cuts and random assignments',
  });
}
