// What `npm start` and `npm test` need on a machine that has nothing but Node and npm. No dependency: it runs before any.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const MINIMUM_NODE = [20, 19];
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Stops with a clear text on a Node that is too old. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [needMajor, needMinor] = MINIMUM_NODE;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  console.error(`D3 needs Node ${MINIMUM_NODE.join('.')} or later; this is ${process.versions.node}. See nodejs.org.`);
  process.exit(2);
}

/** Runs a command with its output shown; ends this process with its code if it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Installs the npm packages of package-lock.json unless they are there already. */
export function installPackages() {
  const lock = join(ROOT, 'package-lock.json');
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log('Installing npm packages …');
  // Not `npm ci`: it refuses a lock file that lacks another platform's optional packages, as some mirrors make them.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund']);
}

/** Compiles every package and app; only what changed. */
export function build() {
  console.log('Building …');
  run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b']);
}

/** Path of a Chromium: one that is there, else Playwright's, else the system's package. */
export function findOrInstallBrowser() {
  const found = findBrowser();
  if (found) return found;
  console.log('No Chromium found: asking Playwright for one …');
  spawnSync('npx', ['--no-install', 'playwright-core', 'install', 'chromium-headless-shell', 'chromium'], {
    cwd: ROOT,
    stdio: 'inherit',
    timeout: 300_000,
  });
  const downloaded = findBrowser();
  if (downloaded) return downloaded;
  console.log('Installing the system package chromium …');
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  for (const args of [
    ['apt-get', 'update'],
    ['apt-get', 'install', '-y', '--no-install-recommends', 'chromium'],
  ]) {
    const [command = '', ...rest] = [...sudo, ...args];
    spawnSync(command, rest, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  }
  const installed = findBrowser();
  if (installed) return installed;
  console.error('No Chromium, and none could be installed: install one and set CHROMIUM_PATH to it.');
  process.exit(2);
}

function findBrowser() {
  const named = process.env.CHROMIUM_PATH;
  if (named) return isExecutable(named) ? named : undefined;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const mac = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
  const candidates = [...BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name))), mac];
  return candidates.find(isExecutable) ?? playwrightBrowser();
}

function playwrightBrowser() {
  try {
    const { chromium } = createRequire(join(ROOT, 'package.json'))('playwright-core');
    const path = chromium.executablePath();
    return isExecutable(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Version of the browser at `path`, for the log. */
export function browserVersion(path) {
  return execFileSync(path, ['--version'], { encoding: 'utf8' }).trim();
}
