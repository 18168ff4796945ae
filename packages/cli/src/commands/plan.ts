import { planProblem } from '@d3/partition';
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { openModel } from '../model/open-model.ts';
import { addGoalOptions, repeatable } from '../options/goal.ts';
import { parseLink } from '../options/link.ts';
import { parseProfileFile } from '../options/tier-value.ts';
import { createProgress } from '../terminal/progress.ts';
import { printJson } from '../terminal/terminal.ts';
import { type ProblemOptions, problemOf } from './plan-problem.ts';
import { planText } from './plan-report.ts';

const HELP = `
Links are 20mbit,5ms or 20mbit:100mbit,5ms (up:down) or a preset: 3g, 4g, wifi, 5g, fibre, lan. Unless said otherwise device-edge is
wifi and edge-cloud 50mbit,10ms. Exit code 1: no plan meets the constraints.`;

/** `d3 plan`: which layers to run where, and why. */
export function planCommand(context: CommandContext): Command {
  const { terminal } = context;
  const command = new Command('plan')
    .description('Say which layers to run on the device, the edge and the cloud, and why')
    .argument('[model]', 'an ONNX file or a packed folder; may be left out with --costs')
    .option('--costs <file>', 'a problem, or a plan, that d3 plan --json printed; other options go over it')
    .addOption(repeatable('--profile <tier=file>', 'the speed of a tier, as d3 profile -o wrote it', parseProfileFile))
    .addOption(repeatable('--link <hop=rate,delay>', 'a link, e.g. device-edge=20mbit,5ms', parseLink));
  return addGoalOptions(command)
    .option('--json', 'print problem, strategies and explanation as JSON')
    .addHelpText('after', HELP)
    .action(async (path: string | undefined, options: ProblemOptions & { json?: boolean }) => {
      const progress = createProgress(terminal);
      progress.show('reading the model …');
      const model = path === undefined ? undefined : await openModel(path);
      progress.show('measuring this machine …');
      const { problem, source, slowdowns } = await problemOf(model, options);
      const report = planProblem(problem);
      progress.clear();
      if (report.chosen === '') context.answer(EXIT.no);
      if (options.json) printJson(terminal, report);
      else terminal.out(planText(report, { source, slowdowns }));
    });
}
