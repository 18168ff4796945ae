import { Argument, Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { cliError } from '../errors.ts';
import { parseSlowdown } from '../options/tier-value.ts';

const PORTS: Readonly<Record<string, number>> = { edge: 7001, cloud: 7002 };
const UPSTREAM = 'ws://127.0.0.1:7002';

const HELP = `
Every option can be given in the environment too, as D3_NAME (--allow-origin: D3_ALLOW_ORIGIN, with commas). The server listens on
loopback unless --host says otherwise; then it needs a token. It ends on SIGTERM or SIGINT when what runs is finished.`;

/** `d3 serve`: be an edge or a cloud. */
export function serveCommand(_: CommandContext): Command {
  return new Command('serve')
    .description('Serve packed models as the edge or the cloud')
    .addArgument(new Argument('<tier>', 'which tier to be').choices(['edge', 'cloud']))
    .option('--host <address>', 'address to listen on; default 127.0.0.1')
    .option('--port <n>', 'port; default 7001 for an edge, 7002 for a cloud, another if that is in use')
    .option('--models <dir>', 'folder of packed models; default .d3/models')
    .option('--cache <dir>', 'folder for what is fetched and made; default .d3/TIER')
    .option('--upstream <url>', `the next tier's server; an edge's default is ${UPSTREAM}`)
    .option('--upstream-token <token>', "the upstream's token; default the own one")
    .option('--token <token>', 'ask every client for this token')
    .option('--allow-origin <origin>', 'a page that may use this server; repeatable', (text, all: string[] = []) => [
      ...all,
      text,
    ])
    .option('--slowdown <n>', 'really take N times as long, e.g. 4 or edge=4; announced as emulated')
    .option('--workers <n>', 'worker threads; default half of the cores')
    .option('--upstream-loss <policy>', "when the upstream is lost: 'finish' its layers here (default), or 'fail'")
    .option('--prepare-for-loss <yes|no>', 'prepare for a lost upstream while nothing runs; default yes')
    .option('--linger <ms>', 'how long a server that stops waits for peers to fetch what they need; default 3000')
    .option('--public-url <url>', 'where devices may reach this server directly')
    .option('--tls-key <file>', 'PEM file of the key: speak https and wss only')
    .option('--tls-cert <file>', 'PEM file of the certificate')
    .option('--log-level <level>', 'of the log on standard error; default info')
    .addHelpText('after', HELP)
    .action(async (tier: string, options: Readonly<Record<string, string | string[]>>) => {
      // Loaded by the one command that needs it.
      const { readServerConfig, runServer } = await import('@d3/server');
      const config = readServerConfig(tier, {
        argv: argumentsOf(tier, options),
        env: process.env,
        port: PORTS[tier] ?? 0,
      });
      await runServer(tier === 'edge' ? { upstream: UPSTREAM, ...config } : config);
    });
}

/** The options as the server reads them. */
function argumentsOf(tier: string, options: Readonly<Record<string, string | string[]>>): string[] {
  return Object.entries(options).flatMap(([key, value]) => {
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const values = Array.isArray(value) ? value : [value];
    return values.map((text) => `${flag}=${key === 'slowdown' ? ownSlowdown(tier, text) : text}`);
  });
}

function ownSlowdown(tier: string, text: string): string {
  if (!text.includes('=')) return text;
  const parsed = parseSlowdown(text);
  if (parsed.tier === tier) return String(parsed.value);
  throw cliError('CLI_BAD_TIER', { option: '--slowdown', value: parsed.tier, tiers: tier });
}
