import { describe, expect, it } from 'vitest';
import { buildModel, packModel, randomizeWeights, readModel } from '../index.ts';
import { inferWithOrt, randomFeeds, runModel } from '../testing/ort.ts';
import { floats, ints, weight } from '../testing/toy-graphs.ts';

const model = buildModel({
  opset: 9,
  inputs: [{ name: 'x', type: 'float32', shape: [1, 8, 12, 12] }],
  outputs: [{ name: 'y' }],
  nodes: [
    { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['w'] },
    { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] },
    { op: 'Flatten', inputs: ['c'], outputs: ['f'] },
    { op: 'Gemm', inputs: ['f', 'flat', 'bias'], outputs: ['g'], attributes: { transB: 1 } },
    { op: 'MatMul', inputs: ['g', 'real'], outputs: ['y'] },
  ],
  initializers: [
    ints('shape', [16, 8, 3, 3]),
    floats(
      'flat',
      [10, 1600],
      Array.from({ length: 16000 }, () => 0.02),
    ),
    floats(
      'bias',
      [10],
      Array.from({ length: 10 }, () => 1),
    ),
    weight('real', [10, 4]),
  ],
});

const tensorOf = (bytes: Uint8Array<ArrayBuffer>, name: string) => {
  const tensor = readModel(bytes).graph.initializers.find((candidate) => candidate.name === name);
  return new Float32Array(tensor?.data?.slice().buffer ?? new ArrayBuffer(0));
};

describe('randomizeWeights()', () => {
  it('fills constant weights with He values and leaves the others', () => {
    const bytes = randomizeWeights(model, 7);
    const kernel = tensorOf(bytes, 'w');
    const deviation = Math.hypot(...kernel) / Math.sqrt(kernel.length);
    expect(kernel.length).toBe(1152);
    expect(Math.abs(deviation / Math.sqrt(2 / 72) - 1)).toBeLessThan(0.1);
    expect(Math.abs(Math.hypot(...tensorOf(bytes, 'flat')) / Math.sqrt(16000) / Math.sqrt(2 / 1600) - 1)).toBeLessThan(
      0.05,
    );
    expect(tensorOf(bytes, 'real')).toEqual(tensorOf(model, 'real'));
    expect(new Set(tensorOf(bytes, 'bias'))).toEqual(new Set([1]));
  });

  it('is the same for a seed and another for another', () => {
    expect(Buffer.compare(randomizeWeights(model, 7), randomizeWeights(model, 7))).toBe(0);
    expect(tensorOf(randomizeWeights(model, 8), 'w')).not.toEqual(tensorOf(randomizeWeights(model, 7), 'w'));
  });

  it('makes outputs vary with the input', async () => {
    const bytes = randomizeWeights(model, 7);
    const packed = await packModel(bytes, { name: 'random', infer: inferWithOrt });
    const [one, two] = [randomFeeds(packed, 1), randomFeeds(packed, 2)];
    expect((await runModel(bytes, one, 'disabled')).y?.data).not.toEqual(
      (await runModel(bytes, two, 'disabled')).y?.data,
    );
  });
});
