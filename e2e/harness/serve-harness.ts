import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { d3Assets } from '@d3/runtime/vite';
import { build } from 'vite';

/** How {@link serveHarness} serves. */
export interface HarnessOptions {
  /** Folder that {@link buildPage} wrote. */
  readonly site: string;
  /** Sends COOP and COEP, so that the page is cross-origin isolated. Default false. */
  readonly isolated?: boolean;
  /** Content-Security-Policy of the page and its scripts. Default none. */
  readonly csp?: string;
  /** Origin that the page's script is loaded from, as by a script tag from a CDN. Default its own. */
  readonly scriptOrigin?: string;
  /** Further folders, by URL path: `{'/models/': folder}`. */
  readonly mounts?: Readonly<Record<string, string>>;
}

/** A site on a free loopback port. */
export interface Harness {
  /** E.g. `http://127.0.0.1:40001`, no slash at the end. */
  readonly origin: string;
  close(): Promise<void>;
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.png': 'image/png',
};

const HERE = fileURLToPath(new URL('.', import.meta.url));

/**
 * Builds a page script as a user's Vite project would, with the `d3Assets()` plugin: `page.js`, its workers, and `/ort/`.
 *
 * @param entry - a TypeScript module whose exports tests call through {@link openPage}
 * @returns the folder, under the system's temporary one; {@link removeSite} deletes it
 */
export async function buildPage(entry: URL): Promise<string> {
  const outDir = await mkdtemp(join(tmpdir(), 'd3-harness-'));
  await build({
    configFile: false,
    root: resolve(HERE, '..'),
    logLevel: 'warn',
    plugins: [d3Assets()],
    build: {
      outDir,
      emptyOutDir: true,
      minify: false,
      target: 'es2023',
      modulePreload: false,
      rolldownOptions: {
        input: { page: fileURLToPath(entry) },
        preserveEntrySignatures: 'strict',
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  return outDir;
}

/** Deletes what {@link buildPage} wrote. */
export async function removeSite(site: string): Promise<void> {
  await rm(site, { recursive: true, force: true });
}

/** Serves a built page. The page's exports are in `globalThis.harness` once its promise `globalThis.harnessReady` resolves. */
export async function serveHarness(options: HarnessOptions): Promise<Harness> {
  const server = createServer((request, response) => {
    respond(request, response, options).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((closed) => server.close(() => closed()));
}

async function respond(request: IncomingMessage, response: ServerResponse, options: HarnessOptions): Promise<void> {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
  if (options.csp !== undefined) response.setHeader('Content-Security-Policy', options.csp);
  if (options.isolated === true) {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  }
  if (path === '/') return sendHtml(response, options.scriptOrigin ?? '');
  if (path === '/open.js') return sendScript(response, options.scriptOrigin ?? '');
  const file = await findFile(path, options);
  if (file === undefined) {
    response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found');
    return;
  }
  response.writeHead(200, { 'Content-Type': MEDIA_TYPES[extname(file)] ?? 'application/octet-stream' });
  if (request.method === 'HEAD') response.end();
  else createReadStream(file).pipe(response);
}

function sendHtml(response: ServerResponse, scriptOrigin: string): void {
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
  const script = `<script type="module" src="${scriptOrigin}/page.js"></script><script src="/open.js"></script>`;
  response.end(`<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>harness</title>${script}`);
}

/** A file of its own: a strict CSP forbids inline scripts. */
function sendScript(response: ServerResponse, scriptOrigin: string): void {
  response.writeHead(200, { 'Content-Type': 'text/javascript' });
  const url = JSON.stringify(`${scriptOrigin}/page.js`);
  response.end(`globalThis.harnessReady = import(${url}).then((page) => { globalThis.harness = page; });`);
}

async function findFile(path: string, options: HarnessOptions): Promise<string | undefined> {
  const mounts = Object.entries({ ...options.mounts, '/': options.site });
  const mount = mounts.find(([prefix]) => path.startsWith(prefix));
  if (mount === undefined) return undefined;
  const folder = resolve(mount[1]);
  const file = normalize(join(folder, path.slice(mount[0].length)));
  if (!file.startsWith(folder + sep)) return undefined;
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() === true ? file : undefined;
}
