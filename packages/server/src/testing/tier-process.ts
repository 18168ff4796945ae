import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './models.ts';

/** A server process; `link` is its address. */
export interface TierProcess {
  readonly link: string;
  readonly process: ChildProcess;
}

/** Starts a server as a process of its own, on a free port unless told; on one core only if `core` is given. */
export async function startTier(tier: 'edge' | 'cloud', args: readonly string[], core?: number): Promise<TierProcess> {
  const command = [
    ...(core === undefined ? [] : ['taskset', '-c', `${core}`]),
    ...[
      process.execPath,
      join(ROOT, 'apps', tier, 'dist', 'server.js'),
      '--port',
      '0',
      '--log-level',
      'error',
      ...args,
    ],
  ];
  const child = spawn(command[0] as string, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const link = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the ${tier} ended with ${code} before it listened`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = /wss?:\/\/\S+\/d3\/link/.exec(line)?.[0];
      if (address !== undefined) resolve(address);
    });
  });
  return { link, process: child };
}

/** Ends a process, and tells its exit code; null if the signal ended it. */
export async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  child.kill(signal);
  return await ended;
}
