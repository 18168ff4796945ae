import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for what a command makes on its way. */
export interface ScratchFolder {
  readonly path: string;
  /** Removes it with all that is in it. */
  remove(): Promise<void>;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const WHOLE = { recursive: true, force: true } as const;

/**
 * Makes a temporary folder that goes when the user interrupts the command, too: weights may be gigabytes.
 *
 * @param prefix - of its name
 */
export async function makeScratchFolder(prefix: string): Promise<ScratchFolder> {
  const path = join(tmpdir(), `${prefix}${randomUUID()}`);
  const forget = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    forget();
    rmSync(path, WHOLE);
    // The signal's own effect. `process.exit()` would tear the runtime down under the threads that compute.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const remove = async () => {
    forget();
    await rm(path, WHOLE);
  };
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    forget();
    throw error;
  }
  return { path, remove };
}
