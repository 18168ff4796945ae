import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const INDEX = fileURLToPath(import.meta.resolve('@d3/partition'));

/** Size of a minified bundle, gzipped, in kB of 1024 bytes. */
export async function bundleGzipKb(names: string): Promise<number> {
  const id = 'virtual:entry';
  const result = await build({
    logLevel: 'silent',
    configFile: false,
    plugins: [
      {
        name: 'entry',
        resolveId: (source: string) => (source === id ? id : undefined),
        load: (source: string) => (source === id ? `export ${names} from ${JSON.stringify(INDEX)};` : undefined),
      },
    ],
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      modulePreload: false,
      rollupOptions: { input: id, preserveEntrySignatures: 'strict' },
    },
  });
  const outputs = Array.isArray(result) ? result : [result];
  const code = outputs
    .flatMap((output) => ('output' in output ? output.output : []))
    .map((chunk) => ('code' in chunk ? chunk.code : ''));
  return gzipSync(code.join(''), { level: 9 }).length / 1024;
}
