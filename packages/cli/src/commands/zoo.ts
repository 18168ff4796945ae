import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildModel } from '@d3/onnx';
import { type Network, type NetworkName, networks, seededWeight, WEIGHTS_PATH } from '@d3/zoo';
import { Argument, Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { cliError } from '../errors.ts';
import { reasonOf } from '../model/read-file.ts';
import { parseInteger } from '../options/quantities.ts';
import { createProgress } from '../terminal/progress.ts';
import { formatBytes } from '../terminal/table.ts';
import { printJson } from '../terminal/terminal.ts';

interface ZooOptions {
  readonly out?: string;
  readonly seed: number;
  readonly json?: boolean;
}

/** `d3 zoo`: a published network as an ONNX file, its weights seeded, for timing and for comparing splits. */
export function zooCommand({ terminal }: CommandContext): Command {
  return new Command('zoo')
    .description(
      'Write a published network with seeded weights: good for timing and for comparing splits, not for answers',
    )
    .addArgument(new Argument('<name>', 'which network').choices(Object.keys(networks)))
    .option('-o, --out <dir>', 'folder to write, made if it is not there; default .d3/zoo/NAME')
    .option('--seed <s>', 'seed of the weights', (text) => parseInteger('--seed', text, { min: 0, max: 2 ** 31 }), 1)
    .option('--json', 'print what was written as JSON')
    .action(async (name: NetworkName, options: ZooOptions) => {
      const folder = options.out ?? `.d3/zoo/${name}`;
      const progress = createProgress(terminal);
      const network = networks[name]();
      const onProgress = (fraction: number) => progress.show(`writing the weights of ${name}`, fraction);
      const weightBytes = await writeNetwork(network, { folder, seed: options.seed, onProgress });
      progress.clear();
      const file = join(folder, `${name}.onnx`);
      if (options.json) return printJson(terminal, { file, weightBytes, parameters: network.parameters });
      terminal.out(`${file}, with ${formatBytes(weightBytes)} of seeded weights beside it\n`);
    });
}

/** Writes weights one after the other, so that a large network never lies in memory whole. Returns their bytes. */
async function writeNetwork(
  network: Network,
  target: { readonly folder: string; readonly seed: number; readonly onProgress: (fraction: number) => void },
): Promise<number> {
  const { folder, seed, onProgress } = target;
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(join(folder, WEIGHTS_PATH), 'w');
    let bytes = 0;
    try {
      for (const [index, weight] of network.weights.entries()) {
        const values = seededWeight(weight, { seed, index });
        const offset = weight.external?.offset ?? bytes;
        await file.write(new Uint8Array(values.buffer), 0, values.byteLength, offset);
        bytes = offset + values.byteLength;
        onProgress((index + 1) / network.weights.length);
      }
    } finally {
      await file.close();
    }
    await writeFile(join(folder, `${network.name}.onnx`), buildModel(network.spec));
    return bytes;
  } catch (cause) {
    throw cliError('CLI_FILE_UNWRITABLE', { path: folder, reason: reasonOf(cause) }, { cause });
  }
}
