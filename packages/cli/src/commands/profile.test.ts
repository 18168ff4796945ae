import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlanReport } from '@d3/partition';
import { parseProfile } from '@d3/profile';
import { describe, expect, it } from 'vitest';
import { d3, d3Json } from '../testing/run-d3.ts';
import { SKETCH, scratchFolder } from '../testing/spawn-d3.ts';

const cwd = scratchFolder();
const measured = d3(['profile', '-o', 'here.json'], cwd);

describe('d3 profile', () => {
  it('writes a profile file that it reads back', async () => {
    const { code, stdout } = await measured;
    expect(code).toBe(0);
    expect(stdout).toContain('Conv/dense');
    const stored = parseProfile(readFileSync(join(cwd, 'here.json'), 'utf8'));
    const shown = await d3Json<{ gflops: number; backend: string }>(['profile', 'here.json'], cwd);
    expect(shown.code).toBe(0);
    expect(shown.json).toMatchObject({ gflops: stored.gflops, backend: 'cpu', terms: stored.terms });
  });

  it('refuses a file of another version or a truncated one, and says which', async () => {
    await measured;
    const text = readFileSync(join(cwd, 'here.json'), 'utf8');
    writeFileSync(join(cwd, 'old.json'), text.replace('"format": 2', '"format": 1'));
    writeFileSync(join(cwd, 'cut.json'), text.slice(0, 500));
    const [old, cut] = [await d3(['profile', 'old.json'], cwd), await d3(['profile', 'cut.json'], cwd)];
    expect([old.code, cut.code]).toEqual([3, 3]);
    expect(old.stderr).toContain('format 1');
    expect(cut.stderr).toContain('is not JSON');
  });

  it('is what d3 plan --profile takes a tier to be', async () => {
    await measured;
    const stored = parseProfile(readFileSync(join(cwd, 'here.json'), 'utf8'));
    const all = ['device', 'edge', 'cloud'].flatMap((tier) => ['--profile', `${tier}=here.json`]);
    const { code, json } = await d3Json<PlanReport>(['plan', SKETCH, ...all, '--slowdown', 'device=4'], cwd);
    expect(code).toBe(0);
    expect(json.problem.tierFixedMs[1]).toBe(stored.fixedMs);
    const [device = 0, edge = 0] = json.problem.layers[2]?.computeMs ?? [];
    expect(device / edge).toBeCloseTo(4, 9);
    const both = await d3(['plan', SKETCH, '--costs', 'here.json', '--profile', 'edge=here.json'], cwd);
    expect(both.code).toBe(2);
    const unknown = await d3(['plan', SKETCH, '--profile', 'fog=here.json'], cwd);
    expect(unknown.stderr).toContain("names tier 'fog'");
  });
});
