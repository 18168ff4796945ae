import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const BIN = join(ROOT, 'packages/cli/bin/d3.js');

/** The project's own model, with its sidecar and samples beside it. */
export const SKETCH: string = join(ROOT, 'packages/zoo/sketch-resnet/sketch-resnet.onnx');
/** A drawing of a fish; its class is 8. */
export const SKETCH_FISH: string = join(ROOT, 'packages/zoo/sketch-resnet/samples/08-fish.png');
/** The folder of third-party models. */
export const MODELS: string = process.env.D3_MODELS ?? join(ROOT, '../shared/models');
/** Whether third-party models are here; says so when not. */
export const hasModels: boolean = existsSync(MODELS);
if (!hasModels) console.warn(`Skipped, with every third-party model: ${MODELS} is absent (set D3_MODELS)`);

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A fresh folder. */
export function scratchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'd3-cli-test-'));
}

/**
 * Starts `d3` as a user would: the committed bin, in a process of its own.
 *
 * @param tmp - its folder for temporary files, if not the system's
 */
export function startD3(args: readonly string[], cwd: string = scratchFolder(), tmp: string = tmpdir()): ChildProcess {
  const env = { ...process.env, TMPDIR: tmp };
  return spawn(process.execPath, [BIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs `d3` to its end, in a process of its own. */
export function spawnD3(args: readonly string[], cwd?: string): Promise<Ended> {
  const child = startD3(args, cwd);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

/** Runs `d3 … --json` in a process of its own and reads what it printed. */
export async function spawnD3Json<Value>(
  args: readonly string[],
  cwd?: string,
): Promise<Ended & { readonly json: Value }> {
  return parseJson<Value>(await spawnD3([...args, '--json'], cwd));
}

/** What a command printed on standard output, which must be JSON and nothing else. */
export function parseJson<Value>(ended: Ended): Ended & { readonly json: Value } {
  try {
    return { ...ended, json: JSON.parse(ended.stdout) as Value };
  } catch (cause) {
    throw new Error(`No JSON on standard output: ${ended.stdout}\n${ended.stderr}`, { cause });
  }
}
