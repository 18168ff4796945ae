import { type NetworkName, networks } from '@d3/zoo';
import { Argument, Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { parseInteger } from '../options/quantities.ts';
import { createProgress } from '../terminal/progress.ts';
import { formatBytes, significant, table } from '../terminal/table.ts';
import { printJson } from '../terminal/terminal.ts';
import { writeNetwork } from '../zoo/write-network.ts';

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
    .addArgument(new Argument('[name]', 'which network; without one: lists them').choices(Object.keys(networks)))
    .option('-o, --out <dir>', 'folder to write, made if it is not there; default .d3/zoo/NAME')
    .option('--seed <s>', 'seed of the weights', (text) => parseInteger('--seed', text, { min: 0, max: 2 ** 31 }), 1)
    .option('--json', 'print what was written, or the list, as JSON')
    .action(async (name: NetworkName | undefined, options: ZooOptions) => {
      if (name === undefined) {
        const entries = listNetworks();
        return options.json ? printJson(terminal, { networks: entries }) : terminal.out(listText(entries));
      }
      const progress = createProgress(terminal);
      const network = networks[name]();
      const { file, weightBytes } = await writeNetwork(network, {
        folder: options.out ?? `.d3/zoo/${name}`,
        seed: options.seed,
        onProgress: (fraction) => progress.show(`writing the weights of ${name}`, fraction),
      }).finally(() => progress.clear());
      if (options.json) return printJson(terminal, { file, weightBytes, parameters: network.parameters });
      terminal.out(`${file}, with ${formatBytes(weightBytes)} of seeded weights beside it\n`);
    });
}

interface ListedNetwork {
  readonly name: string;
  readonly parameters: number;
  /** A multiply-add is two. */
  readonly flops: number;
  readonly source: string;
}

function listNetworks(): ListedNetwork[] {
  return Object.values(networks).map((build) => {
    const { name, parameters, source, graph } = build();
    return { name, parameters, flops: graph.layers.reduce((total, layer) => total + layer.flops, 0), source };
  });
}

function listText(entries: readonly ListedNetwork[]): string {
  const columns = [
    { title: 'network' },
    { title: 'parameters', align: 'right' as const },
    { title: 'GFLOP', align: 'right' as const },
    { title: 'source' },
  ];
  return table(
    columns,
    entries.map(({ name, parameters, flops, source }) => {
      return [name, `${(parameters / 1e6).toFixed(2)} M`, significant(flops / 1e9), source];
    }),
  );
}
