import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { cliError } from '../errors.ts';
import { openModel } from '../model/open-model.ts';
import { writePackedFolder } from '../model/packed-folder.ts';
import { repeatable } from '../options/goal.ts';
import { parseInteger } from '../options/quantities.ts';
import { createProgress } from '../terminal/progress.ts';
import { formatBytes, formatFlops } from '../terminal/table.ts';
import { printJson } from '../terminal/terminal.ts';

interface PackOptions {
  readonly out?: string;
  readonly dim: readonly (readonly [name: string, size: number])[];
  readonly json?: boolean;
}

/** `d3 pack`: an ONNX file becomes a packed model, ready to be served and split. */
export function packCommand({ terminal }: CommandContext): Command {
  return new Command('pack')
    .description('Fold a model, derive its layers and shapes, and write it as a packed model')
    .argument('<model>', 'an ONNX file; a MODEL.d3.json beside it is packed too, its labels included')
    .option('-o, --out <dir>', 'folder to write; default .d3/models/NAME')
    .addOption(repeatable('--dim <name=size>', 'size of a symbolic dimension; the batch is 1 unless named', parseDim))
    .option('--json', 'print what was written as JSON')
    .action(async (path: string, options: PackOptions) => {
      const progress = createProgress(terminal);
      progress.show(`packing ${path} …`);
      const { packed, sidecar } = await openModel(path, { dims: Object.fromEntries(options.dim) });
      const { manifest } = packed;
      const folder = options.out ?? `.d3/models/${manifest.name}`;
      await writePackedFolder(folder, packed, sidecar);
      progress.clear();
      const { name, hash, level, layers, totalFlops, totalWeightBytes } = manifest;
      const summary = { folder, name, hash, level, layers: layers.length, totalFlops, totalWeightBytes };
      if (options.json) return printJson(terminal, { ...summary, sidecar: sidecar !== undefined });
      const size = `${layers.length} layers, ${formatFlops(totalFlops)}, ${formatBytes(totalWeightBytes)} of weights`;
      const words = sidecar === undefined ? 'no sidecar: inputs and outputs are plain tensors' : 'sidecar packed';
      terminal.out(`${name}: ${size}, level ${level}; ${words}\nwritten to ${folder} (${hash.slice(0, 16)})\n`);
    });
}

function parseDim(text: string): readonly [string, number] {
  const at = text.lastIndexOf('=');
  if (at <= 0)
    throw cliError('CLI_BAD_OPTION', { option: '--dim', value: text, expected: 'NAME=SIZE, e.g. height=224' });
  return [text.slice(0, at), parseInteger('--dim', text.slice(at + 1), { min: 1, max: 1e6 })];
}
