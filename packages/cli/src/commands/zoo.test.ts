import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { d3, d3Json } from '../testing/run-d3.ts';
import { scratchFolder, spawnD3Json } from '../testing/spawn-d3.ts';

describe('d3 zoo', () => {
  it('writes a network that can be packed and split without changing a bit', async () => {
    const cwd = scratchFolder();
    const { code, json } = await spawnD3Json<{ file: string; weightBytes: number }>(
      ['zoo', 'resnet18', '-o', 'net'],
      cwd,
    );
    expect(code).toBe(0);
    expect(json.file).toBe(join('net', 'resnet18.onnx'));
    expect(json.weightBytes).toBeGreaterThan(40e6);
    const verdict = await d3Json<{ models: object[] }>(['verify', json.file, '--cuts', '3', '--random', '2'], cwd);
    expect(verdict.json.models[0]).toMatchObject({ lossless: true, cuts: { identical: 3 }, random: { identical: 2 } });
  });

  it('lists the networks when it does not know one', async () => {
    const { code, stderr } = await d3(['zoo', 'lenet']);
    expect(code).toBe(2);
    expect(stderr).toContain('resnet18');
  });
});
