// `npm run soak`: what `npm test` does briefly, at length: 50 losses of each kind, large networks, live link histories. Takes long.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './setup.mjs';

const SUITES = ['e2e/losses.test.ts'];
const LOSSES = process.env.D3_LOSSES ?? '50';

const suites = process.argv.length > 2 ? process.argv.slice(2) : SUITES;
const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'test.mjs'), ...suites], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, D3_LOSSES: LOSSES },
});
process.exit(status ?? 1);
