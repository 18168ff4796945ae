import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TierProfile } from '@d3/profile';
import type { Backend } from '@d3/runtime';
import { createNodeBackend } from '@d3/runtime/node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { calibratedProfile } from './calibrated-profile.ts';

let backend: Backend;
let cache: string;
let refused: string[];
const profile = (of = backend) =>
  calibratedProfile('edge', of, { cache, onRefused: (reason) => refused.push(reason.message) });
const onlyFile = async () => join(cache, (await readdir(cache))[0] ?? '');

beforeAll(async () => {
  backend = await createNodeBackend();
});
afterAll(() => backend.dispose());
beforeEach(async () => {
  refused = [];
  cache = await mkdtemp(join(tmpdir(), 'd3-profile-'));
  return () => rm(cache, { recursive: true, force: true });
});

describe('calibratedProfile()', () => {
  it('measures a machine once and keeps what it found in a file', async () => {
    const first = await profile();
    expect(first).toMatchObject({ tier: 'edge', backend: 'cpu', slowdown: 1, concurrency: 1 });
    expect(first.terms?.['Conv/dense']).toBeDefined();
    expect(await readdir(cache)).toHaveLength(1);
    await writeFile(
      await onlyFile(),
      (await readFile(await onlyFile(), 'utf8')).replace(/"gflops": [\d.]+/, '"gflops": 7'),
    );
    expect((await profile()).gflops).toBe(7);
    expect(refused).toEqual([]);
  });

  it('slows what it measured unslowed', async () => {
    const own = await profile();
    const slowed = await createNodeBackend({ slowdown: 8, workers: 2 });
    const profiled = await profile(slowed);
    await slowed.dispose();
    expect(profiled).toMatchObject({ slowdown: 8, concurrency: 2, gflops: own.gflops / 8, handoffMs: own.handoffMs });
    const conv = (of: TierProfile) => of.terms?.['Conv/dense']?.msPerFlop ?? Number.NaN;
    expect(conv(profiled) / conv(own)).toBeCloseTo(8, 9);
  });

  it('measures again, saying why, instead of a file of another version, a truncated or an absurd one', async () => {
    const { gflops } = await profile();
    const file = await onlyFile();
    const text = await readFile(file, 'utf8');
    const damaged: readonly [string, string][] = [
      [text.replace('"format": 2', '"format": 1'), 'format 1'],
      [text.slice(0, text.length / 2), 'is not JSON'],
      [text.replace(/"fixedMs": [\d.e-]+/, '"fixedMs": -3'), 'fixedMs'],
      [text.replace(/"runtime": "[^"]+"/, '"runtime": "another"'), 'another runtime'],
    ];
    for (const [written, reason] of damaged) {
      await writeFile(file, written);
      expect((await profile()).gflops).toBe(gflops);
      expect(refused.at(-1)).toContain(reason);
      expect(await readFile(file, 'utf8')).toBe(text);
    }
  });
});
