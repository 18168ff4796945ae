// `npm run check`: types, lint, import rules, dead code, docs. Runs them all, then fails if any did.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, installPackages, ROOT, requireNode } from './setup.mjs';

requireNode();
installPackages();
build();

const bin = (name) => join(ROOT, 'node_modules', '.bin', name);
const CHECKS = [
  ['types of the tests', bin('tsc'), ['-p', 'tsconfig.test.json']],
  ['lint and format', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['import rules', bin('depcruise'), ['--config', '.dependency-cruiser.cjs', 'packages', 'apps', 'e2e']],
  ['dead code', bin('knip'), []],
  ['docs/errors.md', process.execPath, ['scripts/error-docs.mjs', '--check']],
  ...publicPackages().map((folder) => [`published form of ${folder}`, bin('publint'), [folder, '--pack', 'npm']]),
  ['doc comments', bin('typedoc'), ['--options', 'typedoc.json', '--emit', 'none']],
];

/** Folders of the packages that may be published. */
function publicPackages() {
  const folders = readdirSync(join(ROOT, 'packages')).map((name) => join('packages', name));
  return folders.filter((folder) => !JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')).private);
}

const failed = [];
for (const [name, command, args] of CHECKS) {
  console.log(`\n— ${name}`);
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? '\nAll checks hold.' : `\nFailed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
