import type { Progress } from '@d3/client';
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { cliError } from '../errors.ts';
import { inferJson } from '../infer/infer-json.ts';
import { inferText } from '../infer/infer-text.ts';
import type { TierOptions } from '../infer/open-session.ts';
import { openModel } from '../model/open-model.ts';
import { readInput } from '../model/read-input.ts';
import { makeScratchFolder } from '../model/scratch-folder.ts';
import { addGoalOptions } from '../options/goal.ts';
import { createProgress } from '../terminal/progress.ts';
import { printJson } from '../terminal/terminal.ts';

const HELP = `
Without --edge and --embedded the device runs everything. A plan is made from measured speeds; to see three tiers at work, say so:
  d3 infer MODEL PICTURE --embedded --keep-on-device 1 --pin last=cloud --memory cloud=1MB …
--slowdown makes a tier really take longer; its times are then marked emulated. Exit code 1: no plan meets the constraints.`;

/** `d3 infer`: one picture, or one tensor, through a network over the tiers there are. */
export function inferCommand({ terminal }: CommandContext): Command {
  const command = new Command('infer')
    .description('Run a network on a picture, over device, edge and cloud')
    .argument('<model>', 'an ONNX file or a packed folder')
    .argument('<input>', 'a PNG or JPEG picture, or a .pb tensor')
    .option('--edge <url>', 'address of an edge that has the model, e.g. ws://127.0.0.1:7001/d3/link')
    .option('--embedded', 'start an edge and a cloud in this process, on loopback, for this run')
    .option('--token <token>', "the edge's token");
  return addGoalOptions(command)
    .option('--json', 'print answer, placement and times as JSON')
    .addHelpText('after', HELP)
    .action(async (path: string, inputPath: string, options: TierOptions & { json?: boolean }) => {
      if (options.edge !== undefined && options.embedded) {
        throw cliError('CLI_BAD_USAGE', { problem: '--edge and --embedded were both given', remedy: 'choose one' });
      }
      const progress = createProgress(terminal);
      progress.show('reading the model …');
      const model = await openModel(path);
      const input = await readInput(inputPath, model);
      // Client and server are loaded by the one command that needs both.
      const { openSession } = await import('../infer/open-session.ts');
      const { path: scratch, remove } = await makeScratchFolder('d3-infer-');
      try {
        const onProgress = ({ phase, fraction }: Progress) => progress.show(phase, fraction);
        const open = await openSession(model, options, { scratch, onProgress });
        try {
          const result = await open.session.infer(input);
          progress.clear();
          if (options.json) printJson(terminal, inferJson(result));
          else terminal.out(inferText(result, open.session));
        } finally {
          await open.close();
        }
      } finally {
        progress.clear();
        await remove();
      }
    });
}
