import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How a tier's server is started. */
export interface TierProcessOptions {
  readonly tier: 'edge' | 'cloud';
  readonly models: string;
  readonly cache: string;
  /** Address of the next tier's server. */
  readonly upstream?: string;
  /** Factor by which it really is slowed. */
  readonly slowdown?: number;
}

/** What a process holds. */
export interface Holdings {
  readonly residentMb: number;
  /** Of this process alone: what is left of heap and buffers when garbage was collected; what is resident has holes in it. */
  readonly heldMb?: number;
  /** Open files and sockets. */
  readonly handles: number;
}

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/d3.js', import.meta.url));
const READY_WITHIN_MS = 30_000;
const POLL_MS = 50;

/** A tier's server as a process of its own, which can be killed and started again on the same port. */
export class TierProcess {
  readonly #options: TierProcessOptions;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(options: TierProcessOptions, port: number) {
    this.#options = options;
    this.#port = port;
  }

  /** Starts a server on a port of its own. @throws Error when it does not answer within 30 s */
  static async start(options: TierProcessOptions): Promise<TierProcess> {
    const process = new TierProcess(options, await freePort());
    await process.start();
    return process;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get link(): string {
    return `ws://127.0.0.1:${this.#port}/d3/link`;
  }

  /** Starts it again after {@link kill}. */
  async start(): Promise<void> {
    const { tier, models, cache, upstream, slowdown = 1 } = this.#options;
    const options = ['--models', models, '--cache', cache, '--workers', '1', '--log-level', 'fatal'];
    const behind = upstream === undefined ? [] : ['--upstream', upstream];
    const place = ['--port', String(this.#port), '--slowdown', String(slowdown)];
    const args = [COMMAND, 'serve', tier, ...place, ...options, ...behind];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#child = child;
    const endsMs = performance.now() + READY_WITHIN_MS;
    while (!(await this.#isLive())) {
      if (child.exitCode !== null) throw new Error(`The ${tier} ended with ${child.exitCode} at its start`);
      if (performance.now() > endsMs) throw new Error(`The ${tier} did not answer within ${READY_WITHIN_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Ends it at once, as a power cut would, and waits until it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** What the process holds now. Linux only. */
  async holdings(): Promise<Holdings> {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`The ${this.#options.tier} does not run`);
    return await holdingsOf(pid);
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  async #isLive(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/v2/health/live`)).ok;
    } catch {
      return false;
    }
  }
}

/** What this process holds, garbage aside. */
export async function ownHoldings(): Promise<Holdings> {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return { ...(await holdingsOf(process.pid)), heldMb: (heapUsed + external) / 2 ** 20 };
}

/** What a process of this machine holds. Linux only. */
async function holdingsOf(pid: number): Promise<Holdings> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const residentKb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  return { residentMb: residentKb / 1024, handles: (await readdir(`/proc/${pid}/fd`)).length };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
