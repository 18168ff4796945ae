import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildModel } from '@d3/onnx';
import { describe, expect, it } from 'vitest';
import { d3, d3Json } from '../testing/run-d3.ts';
import { SKETCH, scratchFolder, spawnD3Json } from '../testing/spawn-d3.ts';

describe('d3 pack', () => {
  it('writes a packed model with its sidecar, labels inlined, to .d3/models/NAME', async () => {
    const cwd = scratchFolder();
    const { code, json } = await spawnD3Json<{ folder: string; layers: number; sidecar: boolean }>(
      ['pack', SKETCH],
      cwd,
    );
    expect(code).toBe(0);
    expect(json).toMatchObject({ folder: '.d3/models/sketch-resnet', sidecar: true });
    const folder = join(cwd, json.folder);
    // As readable as any folder that the user makes: a server may run as somebody else.
    mkdirSync(join(cwd, 'other'));
    expect(statSync(folder).mode).toBe(statSync(join(cwd, 'other')).mode);
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
    expect(manifest.layers).toHaveLength(json.layers);
    for (const { id } of manifest.weights) expect(existsSync(join(folder, 'weights', id))).toBe(true);
    const sidecar = JSON.parse(readFileSync(join(folder, 'model.d3.json'), 'utf8'));
    expect(sidecar.outputs[0].labels[8]).toBe('fish');
  });

  it('gives the same bytes again, and replaces what it wrote before', async () => {
    const cwd = scratchFolder();
    const pack = () => d3Json<{ hash: string }>(['pack', SKETCH, '-o', 'out'], cwd);
    const [first, second] = [await pack(), await pack()];
    expect(second.json.hash).toBe(first.json.hash);
  });

  it('refuses a sidecar that does not fit its model, and writes nothing', async () => {
    const cwd = scratchFolder();
    copyFileSync(SKETCH, join(cwd, 'net.onnx'));
    const sidecar = { format: 1, model: 'net.onnx', inputs: [{ name: 'nope', kind: 'tensor' }], outputs: [] };
    writeFileSync(join(cwd, 'net.d3.json'), JSON.stringify(sidecar));
    const { code, stderr } = await d3(['pack', 'net.onnx', '-o', 'out'], cwd);
    expect(code).toBe(3);
    expect(stderr).toContain('RUNTIME_SIDECAR_INVALID');
    expect(stderr).toContain("'nope'");
    expect(existsSync(join(cwd, 'out'))).toBe(false);
  });

  it('fixes symbolic dimensions as it is told', async () => {
    const cwd = scratchFolder();
    const model = buildModel({
      opset: 13,
      inputs: [{ name: 'x', type: 'float32', shape: ['batch', 3, 'height'] }],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    });
    writeFileSync(join(cwd, 'net.onnx'), model);
    expect((await d3(['pack', 'net.onnx', '-o', 'out', '--dim', 'height=7'], cwd)).code).toBe(0);
    const manifest = JSON.parse(readFileSync(join(cwd, 'out/manifest.json'), 'utf8'));
    expect(manifest.tensors[0].shape).toEqual([1, 3, 7]);
    const unfixed = await d3(['pack', 'net.onnx', '-o', 'out2'], cwd);
    expect(unfixed.code).toBe(3);
    expect(unfixed.stderr).toContain('height');
    expect((await d3(['pack', 'net.onnx', '--dim', 'height'], cwd)).code).toBe(2);
  });

  it('leaves a folder alone that holds something else', async () => {
    const cwd = scratchFolder();
    mkdirSync(join(cwd, 'site'));
    for (const name of ['manifest.json', 'index.html']) writeFileSync(join(cwd, 'site', name), name);
    const { code, stderr } = await d3(['pack', SKETCH, '-o', 'site'], cwd);
    expect(code).toBe(3);
    expect(stderr).toContain('it is a folder that holds something else');
    expect(readFileSync(join(cwd, 'site/index.html'), 'utf8')).toBe('index.html');
  });

  it('says of a file that is no model, or cut short, what it is', async () => {
    const cwd = scratchFolder();
    writeFileSync(join(cwd, 'text.onnx'), 'this is no model');
    writeFileSync(join(cwd, 'short.onnx'), readFileSync(SKETCH).subarray(0, 50_000));
    for (const file of ['text.onnx', 'short.onnx']) {
      const { code, json, stderr } = await d3Json<{ error: { code: string; message: string } }>(['pack', file], cwd);
      expect(code).toBe(3);
      expect(json.error.code).toBe('ONNX_INVALID_FILE');
      expect(stderr).toContain(json.error.message);
    }
    const missing = await d3(['pack', 'nowhere.onnx'], cwd);
    expect(missing.code).toBe(3);
    expect(missing.stderr).toContain("Cannot read 'nowhere.onnx' (there is no such file)");
  });

  it('notices a packed model that was damaged', async () => {
    const cwd = scratchFolder();
    const { json } = await d3Json<{ folder: string }>(['pack', SKETCH], cwd);
    const graph = join(cwd, json.folder, 'graph.onnx');
    writeFileSync(graph, readFileSync(graph).subarray(1));
    const { code, stderr } = await d3(['verify', json.folder], cwd);
    expect(code).toBe(3);
    expect(stderr).toContain('CLI_MODEL_DAMAGED');
    expect(stderr).toContain('the SHA-256 of graph.onnx');
  });
});
