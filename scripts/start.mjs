// `npm start`: sets up what is missing, builds, brings up a cloud, an edge and the dashboard, and prints the address.
// A second, slowed pair of servers serves the dashboard's stream scenario, since one machine plays all three tiers.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build, installPackages, ROOT, requireNode } from './setup.mjs';

const DASHBOARD_PORT = 7000;
const MODELS = join(ROOT, '.d3', 'models');
/** Factors of the slowed fabric, near enough to balance a browser against native code; shown wherever its times are. */
const SLOWED = { device: 2, edge: 8, cloud: 6 };

requireNode();
installPackages();
build();
packSketchModel();

const { build: viteBuild, preview } = await import('vite');
console.log('Building the dashboard …');
await viteBuild({ configFile: join(ROOT, 'vite.config.ts'), logLevel: 'warn' });

const servers = [];
const config = {};
let stopping = false;
const dashboard = await preview({
  configFile: join(ROOT, 'vite.config.ts'),
  preview: { port: DASHBOARD_PORT, host: '127.0.0.1' },
  plugins: [demoConfig(config)],
});
const origin = dashboard.resolvedUrls.local[0].replace(/\/$/, '');
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void stop());

try {
  config.plain = await startFabric('plain', { device: 1, edge: 1, cloud: 1 });
  config.slowed = await startFabric('slowed', SLOWED);
} catch (error) {
  if (!stopping) console.error(error.message);
  await stop(1);
}

console.log(`\n  D3 is running. Open ${origin}/ and draw something.\n`);
console.log(`  edge   ${config.plain.edge}`);
console.log(`  models ${MODELS} (npm run d3 -- pack my.onnx puts one there)`);
console.log('  Ctrl+C stops everything.\n');

function packSketchModel() {
  if (existsSync(join(MODELS, 'sketch-resnet', 'manifest.json'))) return;
  console.log('Packing the sketch model …');
  const source = join(ROOT, 'packages', 'zoo', 'sketch-resnet', 'sketch-resnet.onnx');
  const d3 = join(ROOT, 'packages', 'cli', 'bin', 'd3.js');
  const { status } = spawnSync(process.execPath, [d3, 'pack', source, '-o', join(MODELS, 'sketch-resnet')], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** A cloud with the models, and an edge in front of it that fetches what it lacks. */
async function startFabric(name, slowdown) {
  const cloud = await startServer('cloud', ['--models', MODELS, '--slowdown', `cloud=${slowdown.cloud}`]);
  const edge = await startServer('edge', [
    ...['--models', join(ROOT, '.d3', `edge-${name}`), '--upstream', cloud],
    ...['--slowdown', `edge=${slowdown.edge}`],
  ]);
  return { edge, slowdown };
}

/** Starts one server process on a free port; resolves with its link's address. */
function startServer(tier, options) {
  const d3 = join(ROOT, 'packages', 'cli', 'bin', 'd3.js');
  const args = [d3, 'serve', tier, '--port', '0', '--log-level', 'warn', '--allow-origin', origin, ...options];
  const server = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once('exit', (code) => reject(new Error(`The ${tier} ended with code ${code} before it was ready`)));
    createInterface({ input: server.stdout }).on('line', (line) => {
      const address = /wss?:\/\/\S+\/d3\/link/.exec(line)?.[0];
      if (address) resolve(address);
    });
  });
}

/** Serves what the page must know of the servers. */
function demoConfig(current) {
  return {
    name: 'd3-demo-config',
    configurePreviewServer(server) {
      server.middlewares.use('/d3-demo.json', (_, response) => {
        response.statusCode = current.slowed === undefined ? 503 : 200;
        response.setHeader('content-type', 'application/json');
        response.setHeader('cache-control', 'no-store');
        response.end(JSON.stringify(current));
      });
    },
  };
}

/** Never returns: every server has ended, and then this process does. */
async function stop(code = 0) {
  if (stopping) return await new Promise(() => {});
  stopping = true;
  console.log('\nStopping …');
  // Edges before the clouds they lean on.
  for (const server of servers.reverse()) {
    if (server.exitCode !== null || server.signalCode !== null) continue;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }
  await dashboard.close();
  process.exit(code);
}
