import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { InferJson } from '../infer/infer-json.ts';
import { d3, d3Json } from '../testing/run-d3.ts';
import { hasModels, MODELS, SKETCH, SKETCH_FISH, scratchFolder, spawnD3Json } from '../testing/spawn-d3.ts';

const SQUEEZENET = join(MODELS, 'squeezenet1.1_fp32.onnx');
/** Three tiers by constraints: the picture stays here, the last layer is the cloud's, and the edge holds what the device may not. */
const THREE_TIERS = [
  '--embedded',
  '--keep-on-device',
  '1',
  '--memory',
  'device=20kB',
  '--pin',
  '15=edge',
  '--pin',
  '30=cloud',
];

describe('d3 infer', () => {
  it('runs a drawing on the device alone', async () => {
    const { code, json } = await d3Json<InferJson>(['infer', SKETCH, SKETCH_FISH]);
    expect(code).toBe(0);
    expect(json.top[0]).toMatchObject({ index: 8, label: 'fish' });
    expect(json.placement.map(({ tier, emulated }) => ({ tier, emulated }))).toEqual([
      { tier: 'device', emulated: false },
    ]);
    expect(json.hops).toEqual([]);
    expect(json.outputs[0]?.values).toHaveLength(24);
  });

  it('gives the bits of the device alone over three tiers', async () => {
    const alone = await d3Json<InferJson>(['infer', SKETCH, SKETCH_FISH]);
    const args = [
      '--embedded',
      '--pin',
      'first=device',
      '--pin',
      '12=edge',
      '--pin',
      'last=cloud',
      '--slowdown',
      'edge=2',
    ];
    const { json } = await spawnD3Json<InferJson>(['infer', SKETCH, SKETCH_FISH, ...args]);
    expect(json.outputs).toEqual(alone.json.outputs);
    expect(json.placement.map(({ tier, emulated }) => [tier, emulated])).toEqual([
      ['device', false],
      ['edge', true],
      ['cloud', false],
    ]);
    expect(json.hops).toHaveLength(2);
    for (const hop of json.hops) expect(hop.bytesUp).toBeGreaterThan(0);
    expect(json.totalMs).toBeGreaterThan(0);
    expect(json.epoch).toBeGreaterThan(0);
  });

  it.skipIf(!hasModels).each([
    ['kitten_224.png', 281, 0.931],
    ['fish.png', 0, 0.738],
  ])('says of %s that it is class %d, over three tiers that each run a convolution', async (picture, index, score) => {
    const { code, json } = await d3Json<InferJson>(['infer', SQUEEZENET, join(MODELS, picture), ...THREE_TIERS]);
    expect(code).toBe(0);
    expect(json.top[0]?.index).toBe(index);
    expect(json.top[0]?.score).toBeCloseTo(score, 3);
    expect(json.placement.map(({ tier }) => tier)).toEqual(['device', 'edge', 'cloud']);
    for (const { layers } of json.placement) expect(layers.some((name) => name.includes('Conv'))).toBe(true);
  });

  it('ends with 1 when no plan meets the constraints', async () => {
    const args = ['infer', SKETCH, SKETCH_FISH, '--embedded', '--keep-on-device', '1', '--pin', 'first=cloud'];
    const { code, stderr } = await d3(args);
    expect(code).toBe(1);
    expect(stderr).toContain('CLIENT_PLAN_INFEASIBLE');
  });

  it('refuses what is no picture, a model without a sidecar, an edge that is not there', async () => {
    const cwd = scratchFolder();
    writeFileSync(join(cwd, 'text.png'), 'no picture at all');
    const picture = await d3(['infer', SKETCH, 'text.png'], cwd);
    expect(picture.code).toBe(3);
    expect(picture.stderr).toContain('RUNTIME_PICTURE_INVALID');
    const edge = await d3(['infer', SKETCH, SKETCH_FISH, '--edge', 'ws://127.0.0.1:9/d3/link']);
    expect(edge.code).toBe(3);
    expect(edge.stderr).toContain('CLIENT_EDGE_UNREACHABLE');
    const both = await d3(['infer', SKETCH, SKETCH_FISH, '--edge', 'ws://127.0.0.1:9', '--embedded']);
    expect(both.code).toBe(2);
    const slowed = await d3(['infer', SKETCH, SKETCH_FISH, '--slowdown', 'edge=2']);
    expect(slowed.code).toBe(2);
    expect(slowed.stderr).toContain('d3 serve edge --slowdown N');
  });
});
