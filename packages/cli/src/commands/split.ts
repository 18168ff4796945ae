import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportSegment } from '@d3/onnx';
import { type Assignment, segmentsOf } from '@d3/partition';
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { cliError } from '../errors.ts';
import { type OpenModel, openModel } from '../model/open-model.ts';
import { reasonOf } from '../model/read-file.ts';
import { layerIndex } from '../options/layer-reference.ts';
import { createProgress } from '../terminal/progress.ts';
import { formatBytes, table } from '../terminal/table.ts';
import { printJson } from '../terminal/terminal.ts';
import { readPlan } from './plan-problem.ts';

interface SplitOptions {
  readonly at?: readonly string[];
  readonly plan?: string;
  readonly out: string;
  readonly json?: boolean;
}

/** A part that was written. */
interface Part {
  readonly file: string;
  readonly layers: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly bytes: number;
}

/** `d3 split`: a model becomes several ONNX files, each of which any runtime opens. */
export function splitCommand({ terminal }: CommandContext): Command {
  return new Command('split')
    .description('Write the parts of a model as plain ONNX files')
    .argument('<model>', 'an ONNX file or a packed folder')
    .option('--at <layers...>', 'cut after these layers (name, index, first, last) of the layer order')
    .option('--plan <file>', 'cut as the plan of d3 plan --json does: one file for each tier that holds layers')
    .requiredOption('-o, --out <dir>', 'folder to write, made if it is not there')
    .option('--json', 'print what was written as JSON')
    .action(async (path: string, options: SplitOptions) => {
      const progress = createProgress(terminal);
      progress.show('reading the model …');
      const model = await openModel(path);
      const { names, tierOf } = await partsOf(model, options);
      const parts = await writeParts(model, { names, tierOf, folder: options.out });
      progress.clear();
      if (options.json) return printJson(terminal, { model: model.manifest.name, hash: model.manifest.hash, parts });
      terminal.out(partsText(parts));
    });
}

async function partsOf(
  model: OpenModel,
  options: SplitOptions,
): Promise<{ names: readonly string[]; tierOf: Assignment }> {
  const { at, plan } = options;
  if ((at === undefined) === (plan === undefined)) {
    const problem = at === undefined ? 'Neither --at nor --plan was given' : '--at and --plan were both given';
    throw cliError('CLI_BAD_USAGE', { problem, remedy: 'say with one of them where to cut' });
  }
  if (plan !== undefined) {
    const { tiers, tierOf } = await readPlan(plan, model);
    return { names: tiers, tierOf };
  }
  return prefixParts(model, at ?? []);
}

/** Part k holds the layers up to and including the k-th one named. */
function prefixParts({ manifest }: OpenModel, at: readonly string[]): { names: string[]; tierOf: number[] } {
  const ends = [...new Set(at.map((reference) => layerIndex('--at', reference, manifest)))].sort((a, b) => a - b);
  const last = manifest.layers.length - 1;
  if (ends.includes(last)) {
    throw cliError('CLI_BAD_USAGE', {
      problem: `--at names '${manifest.layers[last]?.name}', the last layer, and nothing follows it`,
      remedy: 'name a layer before it',
    });
  }
  const tierOf = manifest.layers.map((_, layer) => ends.filter((end) => end < layer).length);
  return { names: [...ends, last].map((_, part) => `part${part}`), tierOf };
}

async function writeParts(
  { packed }: OpenModel,
  target: { readonly names: readonly string[]; readonly tierOf: Assignment; readonly folder: string },
): Promise<Part[]> {
  const { names, tierOf, folder } = target;
  const { manifest } = packed;
  const parts: Part[] = [];
  for (const { tier, layers, inputs, outputs } of segmentsOf(manifest, tierOf, names.length).segments) {
    if (layers.length === 0) continue;
    const file = `${manifest.name}.${names[tier]}.onnx`;
    const bytes = exportSegment(packed, layers);
    await writePart(folder, file, bytes);
    const layerNames = layers.map((layer) => manifest.layers[layer]?.name ?? '');
    parts.push({ file, layers: layerNames, inputs, outputs, bytes: bytes.byteLength });
  }
  return parts;
}

async function writePart(folder: string, file: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, file), bytes);
  } catch (cause) {
    throw cliError('CLI_FILE_UNWRITABLE', { path: join(folder, file), reason: reasonOf(cause) }, { cause });
  }
}

function partsText(parts: readonly Part[]): string {
  const rows = parts.map(({ file, layers, inputs, outputs, bytes }) => [
    file,
    String(layers.length),
    formatBytes(bytes),
    inputs.join(', '),
    outputs.join(', '),
  ]);
  const columns = [
    { title: 'file' },
    { title: 'layers', align: 'right' },
    { title: 'size', align: 'right' },
    { title: 'reads' },
    { title: 'writes' },
  ] as const;
  return table(columns, rows);
}
