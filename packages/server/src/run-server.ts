import { type ServeOptions, type Server, serve } from './serve.ts';

/** A drain that takes longer than this, besides what it lingers, is cut off. */
const STOP_WITHIN_MS = 15_000;

/**
 * Runs a server as this process: prints its address in one line on standard output, and on SIGTERM or SIGINT drains and lets the
 * process end. A second signal ends it at once.
 *
 * @throws D3Error what `serve` throws
 */
export async function runServer(options: ServeOptions): Promise<Server> {
  const server = await serve(options);
  const emulated = (options.slowdown ?? 1) > 1 ? `, slowed ${options.slowdown} times (emulated)` : '';
  console.log(`D3 ${options.tier} at ${server.link} (${server.url}/v2${emulated})`);
  server.app.log.info({ tier: options.tier, link: server.link, url: server.url }, 'serving');
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    setTimeout(() => process.exit(1), STOP_WITHIN_MS + (options.lingerMs ?? 0)).unref();
    server.close(signal).catch((error: unknown) => {
      server.app.log.error({ err: error }, 'stopping failed');
      process.exit(1);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return server;
}
