import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { d3 } from './testing/run-d3.ts';
import { spawnD3, spawnD3Json, startD3 } from './testing/spawn-d3.ts';

describe('d3', () => {
  it('lists its commands and exit codes', async () => {
    const { code, stdout } = await spawnD3(['--help']);
    expect(code).toBe(0);
    for (const name of ['pack', 'split', 'verify', 'plan', 'infer', 'serve', 'profile', 'zoo'])
      expect(stdout).toContain(`  ${name} `);
    expect(stdout).toContain('Exit codes');
  });

  it.each(['pack', 'split', 'verify', 'plan', 'infer', 'serve', 'profile', 'zoo'])('explains %s', async (name) => {
    const { code, stdout } = await d3([name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: d3 ${name}`);
  });

  it('prints the version of its package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
    expect(await d3(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it('ends with 2 on what it does not know', async () => {
    const unknown = await spawnD3(['frobnicate']);
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toContain("unknown command 'frobnicate'");
    const missing = await d3(['verify']);
    expect(missing).toMatchObject({ code: 2, stdout: '' });
    expect(missing.stderr).toContain("missing required argument 'models'");
  });

  it('ends quietly when nobody reads on', async () => {
    const child = startD3(['--help']);
    child.stdout?.destroy();
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('measures this machine', async () => {
    const { code, json } = await spawnD3Json<{ gflops: number; fixedMs: number; numericClass: string }>(['profile']);
    expect(code).toBe(0);
    expect(json.gflops).toBeGreaterThan(0.1);
    expect(json.fixedMs).toBeGreaterThan(0);
    expect(json.numericClass).toMatch(/^[0-9a-f]{64}$/);
  });
});
