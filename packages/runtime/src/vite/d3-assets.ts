import { createReadStream, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { defaultClientConditions, type Plugin, type PreviewServer, type ViteDevServer } from 'vite';

/** How {@link d3Assets} serves. */
export interface D3AssetsOptions {
  /** Folder under the site's root that the files appear in; what `createWebBackend({assets})` names. Default `/ort/`. */
  readonly path?: string;
  /**
   * Whether the dev and preview servers send COOP and COEP, so that the page is cross-origin isolated and wasm may use
   * threads. A production server sends its own. Default false.
   */
  readonly isolate?: boolean;
}

/** Variants of onnxruntime-web: plain (wasm backend), jspi and asyncify (webgpu backend). Each is a glue and a binary. */
const VARIANTS = ['', '.jspi', '.asyncify'];
const MEDIA_TYPES: Readonly<Record<string, string>> = { mjs: 'text/javascript', wasm: 'application/wasm' };

/** Sent by a server that isolates its pages. */
const ISOLATION_HEADERS = [
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Embedder-Policy', 'require-corp'],
] as const;

/**
 * Makes a Vite site able to run the browser backends: serves and emits onnxruntime-web's glue and binaries under one
 * folder, keeps them out of the bundles and the dependency optimiser, and builds workers as ES modules (they load the runtime
 * they need with a dynamic import).
 *
 * Without Vite: copy `ort-wasm-simd-threaded{,.jspi,.asyncify}.{mjs,wasm}` from `onnxruntime-web/dist` to a folder of
 * the page's origin and name it in `assets`.
 */
export function d3Assets(options: D3AssetsOptions = {}): Plugin {
  const path = `/${(options.path ?? '/ort/').replace(/^\/+|\/+$/g, '')}/`;
  const files = assetFiles();
  const serve = (server: ViteDevServer | PreviewServer): void => {
    server.middlewares.use((request, response, next) => {
      if (options.isolate === true) for (const [name, value] of ISOLATION_HEADERS) response.setHeader(name, value);
      const name = fileName(request.url ?? '', path);
      const file = name === undefined ? undefined : files.get(name);
      if (name === undefined || file === undefined) next();
      else sendFile(response, name, file);
    });
  };
  return {
    name: 'd3-assets',
    config: () => ({
      worker: { format: 'es' },
      resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
      optimizeDeps: { exclude: ['onnxruntime-web', '@d3/runtime', '@d3/client'] },
    }),
    configureServer: serve,
    configurePreviewServer: serve,
    generateBundle() {
      for (const [name, file] of files) {
        this.emitFile({ type: 'asset', fileName: `${path.slice(1)}${name}`, source: readFileSync(file) });
      }
    },
  };
}

function assetFiles(): ReadonlyMap<string, string> {
  const { resolve } = createRequire(import.meta.url);
  const dist = join(resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'), '..');
  const names = VARIANTS.flatMap((variant) => ['mjs', 'wasm'].map((ext) => `ort-wasm-simd-threaded${variant}.${ext}`));
  return new Map(names.map((name) => [name, join(dist, name)]));
}

function fileName(url: string, path: string): string | undefined {
  const { pathname } = new URL(url, 'http://localhost');
  const at = pathname.lastIndexOf(path);
  return at === -1 ? undefined : pathname.slice(at + path.length);
}

function sendFile(response: ServerResponse, name: string, file: string): void {
  response.setHeader('Content-Type', MEDIA_TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream');
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
  response.setHeader('Cache-Control', 'no-cache');
  // A file that cannot be read ends this answer, not the server.
  pipeline(createReadStream(file), response, () => undefined);
}
