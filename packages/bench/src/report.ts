import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What a benchmark found. */
export interface Report {
  /** The figures that documents quote, each with its unit in its name. */
  readonly figures: Readonly<Record<string, number>>;
  /** Everything behind them. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** Whether `--full` was asked for: everything instead of a named subset. */
export const isFull: boolean = process.argv.includes('--full');

/** Writes `docs/evaluation/NAME.json`, or `NAME-full.json` for a full run, and prints the figures. */
export async function writeReport(name: string, { figures, rows }: Report): Promise<void> {
  const folder = fileURLToPath(new URL('../../../docs/evaluation/', import.meta.url));
  await mkdir(folder, { recursive: true });
  const path = `${folder}${name}${isFull ? '-full' : ''}.json`;
  const [cpu] = cpus();
  const machine = {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  const report = { machine, date: new Date().toISOString(), figures, rows };
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  console.log(figures);
  console.log(`Written: ${path}`);
}
