// `npm test`: sets up what is missing, builds, runs every suite, and closes with a line `N passed, N failed`.
// Arguments go to vitest: `npm test -- --project pure`, `npm test -- packages/partition`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { browserVersion, build, findOrInstallBrowser, installPackages, ROOT, requireNode } from './setup.mjs';

requireNode();
installPackages();
const browser = findOrInstallBrowser();
console.log(`Browser: ${browser} (${browserVersion(browser)})`);
build();

const report = join(ROOT, '.d3', 'test-report.json');
mkdirSync(join(ROOT, '.d3'), { recursive: true });
rmSync(report, { force: true });
const vitest = spawnSync(
  process.execPath,
  [
    join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, CHROMIUM_PATH: browser } },
);

if (!existsSync(report)) {
  console.log('0 passed, 1 failed');
  console.error('The test runner ended before it could report: see above.');
  process.exit(vitest.status || 1);
}
const results = JSON.parse(readFileSync(report, 'utf8'));
const skipped = results.numPendingTests + results.numTodoTests;
const brokenSuites = results.testResults.filter(
  (suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
).length;
console.log(`${results.numPassedTests} passed, ${results.numFailedTests + brokenSuites} failed, ${skipped} skipped`);
process.exit(vitest.status ?? 1);
