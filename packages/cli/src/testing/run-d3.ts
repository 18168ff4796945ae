import { main } from '../main.ts';
import { type Ended, parseJson, scratchFolder } from './spawn-d3.ts';

/**
 * Runs `d3` to its end in this process, which saves the start of another: the same `main()`, with what it prints caught and the
 * working folder changed for as long as it runs. One at a time; what needs signals or a real exit is spawned instead.
 */
export async function d3(args: readonly string[], cwd: string = scratchFolder()): Promise<Ended> {
  const printed = { stdout: '', stderr: '' };
  const before = process.cwd();
  process.chdir(cwd);
  try {
    const code = await main(args, {
      out: (text) => {
        printed.stdout += text;
      },
      err: (text) => {
        printed.stderr += text;
      },
      interactive: false,
    });
    return { code, ...printed };
  } finally {
    process.chdir(before);
  }
}

/** Runs `d3 … --json` in this process and reads what it printed, which must be JSON and nothing else. */
export async function d3Json<Value>(args: readonly string[], cwd?: string): Promise<Ended & { readonly json: Value }> {
  return parseJson<Value>(await d3([...args, '--json'], cwd));
}
