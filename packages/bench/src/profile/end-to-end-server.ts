import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A tier's server in a process of its own. */
export interface TierServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Ends it in good order. */
  close(): Promise<void>;
}

/** How a tier's server is started. */
export interface TierServerOptions {
  readonly tier: 'edge' | 'cloud';
  readonly models: string;
  readonly cache: string;
  readonly upstream?: string;
  /** Factor by which it really is slowed. */
  readonly slowdown: number;
  /** Core that it is kept on, where that can be done. */
  readonly core: number | undefined;
}

const COMMAND = fileURLToPath(new URL('../../../cli/bin/d3.js', import.meta.url));
const READY_WITHIN_MS = 60_000;
const POLL_MS = 50;

/** Starts one and waits until it answers. @throws Error when it ends, or does not answer within a minute */
export async function startTierServer(options: TierServerOptions): Promise<TierServer> {
  const { tier, models, cache, upstream, slowdown, core } = options;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const places = ['--port', String(port), '--models', models, '--cache', cache];
  const how = ['--workers', '1', '--log-level', 'fatal', '--slowdown', String(slowdown), '--linger', '0'];
  const behind = upstream === undefined ? [] : ['--upstream', upstream];
  const command = [process.execPath, COMMAND, 'serve', tier, ...places, ...how, ...behind];
  const [program = '', ...args] = core === undefined ? command : ['taskset', '-c', String(core), ...command];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const close = () => end(child);
  const endsMs = performance.now() + READY_WITHIN_MS;
  while (!(await isLive(url))) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (!ended && performance.now() < endsMs) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      continue;
    }
    await close();
    throw new Error(`The ${tier}'s server did not answer within ${READY_WITHIN_MS} ms of its start, or ended`);
  }
  return { url, close };
}

/** Keeps every thread of this process on these cores; tells whether that could be done here. */
export async function keepOnCores(cores: string): Promise<boolean> {
  try {
    await promisify(execFile)('taskset', ['-acp', cores, String(process.pid)]);
    return true;
  } catch {
    return false;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function isLive(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/v2/health/live`)).ok;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
