#!/usr/bin/env node
import { existsSync } from 'node:fs';

const built = new URL('../dist/index.js', import.meta.url);
if (!existsSync(built)) {
  console.error('d3 is not built yet: run `npm run build` at the root of the repository');
  process.exit(3);
}
// Whoever reads may stop early, as in `d3 … | head`: the exit code still counts.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
});
const { main } = await import(built.href);
process.exitCode = await main(process.argv.slice(2));
