import { createServer, type ViteDevServer } from 'vite';
import { afterEach, expect, it } from 'vitest';
import { type D3AssetsOptions, d3Assets } from './d3-assets.ts';

let server: ViteDevServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(options?: D3AssetsOptions): Promise<string> {
  server = await createServer({
    configFile: false,
    root: import.meta.dirname,
    logLevel: 'silent',
    plugins: [d3Assets(options)],
    optimizeDeps: { noDiscovery: true },
    server: { port: 0, host: '127.0.0.1', hmr: false },
  });
  await server.listen();
  const address = server.httpServer?.address();
  if (typeof address !== 'object' || address === null) throw new Error('The dev server has no port');
  return `http://127.0.0.1:${address.port}`;
}

it('`d3Assets()` serves glue and binaries of every variant, with their types, in development', async () => {
  const origin = await serve();
  for (const variant of ['', '.jspi', '.asyncify']) {
    const glue = await fetch(`${origin}/ort/ort-wasm-simd-threaded${variant}.mjs?import`);
    expect([glue.status, glue.headers.get('Content-Type')]).toEqual([200, 'text/javascript']);
    expect(await glue.text()).toContain('export default');
    const binary = await fetch(`${origin}/ort/ort-wasm-simd-threaded${variant}.wasm`);
    expect([binary.status, binary.headers.get('Content-Type')]).toEqual([200, 'application/wasm']);
    expect(new Uint8Array(await binary.arrayBuffer()).subarray(0, 4)).toEqual(Uint8Array.of(0, 0x61, 0x73, 0x6d));
  }
});

it('`d3Assets()` takes another path, and isolates pages only when asked to', async () => {
  const origin = await serve({ path: 'static/runtime', isolate: true });
  const glue = await fetch(`${origin}/static/runtime/ort-wasm-simd-threaded.mjs`);
  expect(glue.headers.get('Content-Type')).toBe('text/javascript');
  expect(glue.headers.get('Cross-Origin-Embedder-Policy')).toBe('require-corp');
  await server?.close();
  const plain = await fetch(`${await serve()}/ort/ort-wasm-simd-threaded.mjs`);
  expect(plain.headers.get('Cross-Origin-Embedder-Policy')).toBeNull();
});
