import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { networks } from '@d3/zoo';
import { describe, expect, it } from 'vitest';
import { d3, d3Json } from '../testing/run-d3.ts';
import { scratchFolder, spawnD3Json, startD3 } from '../testing/spawn-d3.ts';

describe('d3 zoo', () => {
  it('writes a network and its weights, nothing else', async () => {
    const cwd = scratchFolder();
    const { code, json } = await spawnD3Json<{ file: string; weightBytes: number }>(
      ['zoo', 'mobilenet-v2', '-o', 'net'],
      cwd,
    );
    expect(code).toBe(0);
    expect(json.file).toBe(join('net', 'mobilenet-v2.onnx'));
    expect(json.weightBytes).toBeGreaterThan(14e6);
    expect(readdirSync(join(cwd, 'net')).sort()).toEqual(['mobilenet-v2.onnx', 'mobilenet-v2.weights']);
    rmSync(cwd, { recursive: true });
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const cwd = scratchFolder();
    const child = startD3(['zoo', 'vgg16', '-o', '.'], cwd);
    const ended = once(child, 'close');
    await expect.poll(() => readdirSync(cwd).length, { timeout: 30_000 }).toBeGreaterThan(0);
    expect(readdirSync(cwd).every((name) => name.endsWith('.partial'))).toBe(true);
    child.kill('SIGINT');
    expect(await ended).toEqual([null, 'SIGINT']);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('lists the networks with parameters, operations and sources when none is named', async () => {
    const { json } = await d3Json<{ networks: { name: string; parameters: number; flops: number }[] }>(['zoo']);
    expect(json.networks.map(({ name }) => name)).toEqual(Object.keys(networks));
    expect(json.networks.find(({ name }) => name === 'mobilenet-v2')?.parameters).toBe(3_504_872);
    const { code, stdout } = await d3(['zoo']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/vgg16 +138\.36 M +31 +Simonyan/);
  });

  it('lists the networks when it does not know one', async () => {
    const cwd = scratchFolder();
    const { code, stderr } = await d3(['zoo', 'lenet', '-o', 'net'], cwd);
    expect(code).toBe(2);
    expect(stderr).toContain('resnet18');
    expect(existsSync(join(cwd, 'net'))).toBe(false);
  });
});
