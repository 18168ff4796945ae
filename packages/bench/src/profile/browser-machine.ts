import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeManifest, type PackedModel } from '@d3/onnx';
import { d3Assets } from '@d3/runtime/vite';
import type { WebBackendName } from '@d3/runtime/web';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import type { Machine } from './machine.ts';
import type { Measured } from './measure-network.ts';

/** A real Chromium with one page; several machines are opened in it, one after the other. */
export interface BenchBrowser {
  open(backend: WebBackendName): Machine;
  close(): Promise<void>;
}

const FLAGS = ['--headless=new', '--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
globalThis.ready = import('/page.js').then((page) => { globalThis.bench = page; });
</script>`;

/** Path of a Chromium; undefined when there is none here. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM_PATH;
  return [named, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
    (path) => path !== undefined && existsSync(path),
  );
}

/** Builds the page as a user's Vite project would, and opens it. */
export async function openBenchBrowser(executablePath: string): Promise<BenchBrowser> {
  const site = await mkdtemp(join(tmpdir(), 'd3-bench-page-'));
  await buildPage(site);
  const server = await preview({
    configFile: false,
    logLevel: 'warn',
    build: { outDir: site },
    preview: { port: 0, strictPort: false, host: '127.0.0.1' },
  });
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const page = await browser.newPage();
  await page.goto(originOf(server));
  await page.evaluate('globalThis.ready');
  return {
    open: (backend) => pageMachine(page, site, backend),
    close: () => closeAll(browser, server, site),
  };
}

async function buildPage(site: string): Promise<void> {
  const input = { page: fileURLToPath(new URL('./page.js', import.meta.url)) };
  await build({
    configFile: false,
    logLevel: 'warn',
    plugins: [d3Assets()],
    build: {
      outDir: site,
      emptyOutDir: true,
      target: 'es2023',
      modulePreload: false,
      rolldownOptions: { input, preserveEntrySignatures: 'strict', output: { entryFileNames: '[name].js' } },
    },
  });
  await writeFile(join(site, 'index.html'), PAGE);
}

function originOf(server: PreviewServer): string {
  const [origin] = server.resolvedUrls?.local ?? [];
  if (origin === undefined) throw new Error('The preview server listens nowhere');
  return origin;
}

async function closeAll(browser: Browser, server: PreviewServer, site: string): Promise<void> {
  await browser.close();
  await server.close();
  await rm(site, { recursive: true, force: true });
}

function pageMachine(page: Page, site: string, backend: WebBackendName): Machine {
  const call = <Result>(name: string, ...args: unknown[]): Promise<Result> =>
    page.evaluate(callExport, { name, args }) as Promise<Result>;
  return {
    backend,
    measure: async (packed, segments) => {
      await writeModel(join(site, 'models', packed.manifest.name), packed);
      return await call<Measured>('measureHere', backend, packed.manifest.name, segments);
    },
    close: () => call<void>('closeHere', backend),
  };
}

/** Runs in the page. */
function callExport({ name, args }: { name: string; args: unknown[] }): unknown {
  const { bench } = globalThis as unknown as { bench: Record<string, (...args: unknown[]) => unknown> };
  return bench[name]?.(...args);
}

async function writeModel(folder: string, { manifest, graph, weights }: PackedModel): Promise<void> {
  if (existsSync(folder)) return;
  await mkdir(join(folder, 'weights'), { recursive: true });
  for (const [id, bytes] of weights) await writeFile(join(folder, 'weights', id), bytes);
  await writeFile(join(folder, 'graph.onnx'), graph);
  await writeFile(join(folder, 'manifest.json'), encodeManifest(manifest));
}
