// Writes docs/errors.md from the packages' error tables; with --check, only says whether it is up to date.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './setup.mjs';

const FILE = join(ROOT, 'docs', 'errors.md');

async function tables() {
  const found = [];
  for (const name of readdirSync(join(ROOT, 'packages')).sort()) {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'));
    if (manifest.private) continue;
    const file = join(ROOT, 'packages', name, 'dist', 'errors.js');
    if (!existsSync(file)) continue;
    const module = await import(pathToFileURL(file).href);
    for (const [key, table] of Object.entries(module)) {
      if (key.endsWith('ErrorTable')) found.push({ package: manifest.name, table });
    }
  }
  return found;
}

function page(found) {
  const sections = found.map(({ package: name, table }) => {
    const rows = Object.entries(table).map(
      ([code, { message, status, retryable }]) =>
        `| \`${code}\` | ${message.replaceAll('|', '\\|')} | ${status} | ${retryable ? 'yes' : 'no'} |`,
    );
    return `## ${name}\n\n| code | text | HTTP status | retryable |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Errors\n\nEvery expected failure is a \`D3Error\` with one of these codes. Words in braces are filled in from its \`details\`.\nMade from the packages' error tables by \`npm run docs:errors\`; do not edit.\n\n${sections.join('\n')}`;
}

const fresh = page(await tables());
if (process.argv.includes('--check')) {
  let current = '';
  try {
    current = readFileSync(FILE, 'utf8');
  } catch {}
  if (current !== fresh) {
    console.error('docs/errors.md is out of date: run `npm run docs:errors`');
    process.exit(1);
  }
  console.log('docs/errors.md matches the error tables.');
} else {
  writeFileSync(FILE, fresh);
}
