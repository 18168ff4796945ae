import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildModel } from '@d3/onnx';
import { describe, expect, it } from 'vitest';
import { d3, d3Json } from '../testing/run-d3.ts';
import { hasModels, MODELS, SKETCH, SKETCH_FISH, scratchFolder, spawnD3Json, startD3 } from '../testing/spawn-d3.ts';
import { smallTransformer } from '../testing/transformer.ts';
import type { ModelVerdict } from '../verify/verdict.ts';

interface Verdicts {
  readonly models: readonly ModelVerdict[];
  readonly lossless: boolean;
}

/** Every prefix of the layers and 50 random assignments, all of them identical. */
function expectLossless(verdict: ModelVerdict): void {
  const { cuts, random, reference, layers } = verdict;
  expect(verdict).toMatchObject({ lossless: true, vacuous: false });
  expect(cuts).toEqual({ tested: layers - 1, identical: layers - 1, maxAbsDiff: 0 });
  expect(random).toEqual({ tested: 50, identical: 50, maxAbsDiff: 0 });
  expect(reference).toEqual({ tested: 2, identical: 2, maxAbsDiff: 0 });
  expect(verdict.original?.relative ?? 0).toBeLessThan(1e-4);
}

describe('d3 verify', () => {
  it('finds the sketch classifier lossless, on a picture too', async () => {
    const { code, json } = await spawnD3Json<Verdicts>(['verify', SKETCH, '--input', SKETCH_FISH]);
    expect(json.models[0]?.inputs).toEqual(['noise 1', SKETCH_FISH]);
    json.models.forEach(expectLossless);
    expect(json.lossless).toBe(true);
    expect(code).toBe(0);
  });

  it('finds a transformer of small operators lossless', async () => {
    const cwd = scratchFolder();
    writeFileSync(join(cwd, 'transformer.onnx'), smallTransformer());
    const { code, json } = await d3Json<Verdicts>(['verify', 'transformer.onnx'], cwd);
    json.models.forEach(expectLossless);
    expect(json.models[0]?.layers).toBeGreaterThan(8);
    expect(code).toBe(0);
  });

  it('tests as many cuts and assignments as it is told, and prints a row a model', async () => {
    const { json } = await d3Json<Verdicts>(['verify', SKETCH, '--cuts', '3', '--random', '2', '--seed', '9']);
    expect(json.models[0]).toMatchObject({ cuts: { tested: 3 }, random: { tested: 2 }, inputs: ['noise 9'] });
    const { stdout } = await d3(['verify', SKETCH, '--cuts', '1', '--random', '0']);
    expect(stdout).toMatch(/sketch-resnet .* 1\/1 .* 0\/0 .* lossless/);
  });

  it('refuses to call a check lossless when the output does not vary with the input', async () => {
    const cwd = scratchFolder();
    writeFileSync(join(cwd, 'constant.onnx'), constantModel());
    const { code, json } = await d3Json<Verdicts>(['verify', 'constant.onnx'], cwd);
    expect(code).toBe(1);
    expect(json).toMatchObject({ lossless: false, models: [{ vacuous: true, lossless: false }] });
    const { stdout } = await d3(['verify', 'constant.onnx'], cwd);
    expect(stdout).toContain('--random-weights');
    const random = await d3Json<Verdicts>(['verify', 'constant.onnx', '--random-weights', '3'], cwd);
    await d3(['pack', 'constant.onnx', '-o', 'packed'], cwd);
    expect((await d3(['verify', 'packed', '--random-weights', '3'], cwd)).code).toBe(2);
    expect(random.code).toBe(0);
    expect(random.json.models[0]).toMatchObject({ vacuous: false, lossless: true, randomWeights: 3 });
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const tmp = scratchFolder();
    const child = startD3(['verify', SKETCH, '--random', '100000'], undefined, tmp);
    const ended = once(child, 'close');
    const left = () => readdirSync(tmp).filter((name) => name.startsWith('d3-'));
    await expect.poll(left, { timeout: 30_000 }).toHaveLength(1);
    child.kill('SIGINT');
    expect(await ended).toEqual([null, 'SIGINT']);
    expect(left()).toEqual([]);
  });

  it.each([
    [['--cuts', 'many'], 2, "Option --cuts is 'many'"],
    [['--tiles', '2by2'], 2, "Option --tiles is '2by2'"],
    [['--tiles', '2x1,2x2'], 3, 'CLI_NOT_AVAILABLE'],
    [['--input', 'nowhere.png'], 3, "Cannot read 'nowhere.png'"],
  ])('answers %j with exit code %d', async (args, code, text) => {
    const ended = await d3(['verify', SKETCH, ...args]);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(text);
  });

  it.skipIf(!hasModels)('finds every trained third-party model lossless', { timeout: 400_000 }, async () => {
    const paths = readdirSync(MODELS).filter((name) => name.endsWith('.onnx'));
    const { json } = await spawnD3Json<Verdicts>(['verify', ...paths.map((name) => join(MODELS, name))]);
    expect(json.models).toHaveLength(paths.length);
    json.models.forEach(expectLossless);
    const squeezenet = json.models.find(({ model }) => model.startsWith('squeezenet'));
    expect(squeezenet?.inputs).toEqual(['noise 1', 'fish', 'kitten_224']);
    expect(squeezenet?.recorded?.maxAbsDiff).toBeLessThan(1e-5);
  });

  it.skipIf(!hasModels)(
    'finds every graph without real weights lossless on seeded ones',
    { timeout: 400_000 },
    async () => {
      const folder = join(MODELS, 'light');
      const paths = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
      const args = ['verify', ...paths.map((name) => join(folder, name)), '--random-weights', '1'];
      const { json } = await spawnD3Json<Verdicts>(args);
      expect(json.models).toHaveLength(paths.length);
      json.models.forEach(expectLossless);
    },
  );
});

/** Two dense layers of zeros: the answer is the same whatever goes in. */
function constantModel(): Uint8Array<ArrayBuffer> {
  const zeros = (name: string) => ({ name, type: 'float32', shape: [8, 8], data: new Float32Array(64) }) as const;
  return buildModel({
    opset: 13,
    inputs: [{ name: 'x', type: 'float32', shape: [1, 8] }],
    outputs: [{ name: 'y' }],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'a'], outputs: ['h'] },
      { op: 'Sigmoid', inputs: ['h'], outputs: ['s'] },
      { op: 'MatMul', inputs: ['s', 'b'], outputs: ['y'] },
    ],
    initializers: [zeros('a'), zeros('b')],
  });
}
