import { buildModel, type NodeSpec } from '@d3/onnx';
import { describe, expect, it } from 'vitest';
import { inferShapes } from './index.ts';

const model = (nodes: readonly NodeSpec[]) =>
  buildModel({
    opset: 17,
    inputs: [
      { name: 'x', type: 'float32', shape: ['N', 3, 9, 9] },
      { name: 'w', type: 'float32', shape: [5, 3, 3, 3] },
    ],
    outputs: [{ name: 'h' }, { name: 'shape' }],
    nodes,
  });

describe('inferShapes()', () => {
  it('names type and shape of every output, weights given as inputs, symbols kept', async () => {
    const nodes = [
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['h'], attributes: { kernel_shape: [3, 3] } },
      { op: 'Shape', inputs: ['h'], outputs: ['shape'] },
    ];
    expect(await inferShapes(model(nodes))).toEqual([
      { name: 'h', type: 'float32', shape: ['N', 5, 7, 7] },
      { name: 'shape', type: 'int64', shape: [4] },
    ]);
  });

  it('says why a model has none', async () => {
    const unknown = model([{ op: 'Frobnicate', inputs: ['x', 'w'], outputs: ['h', 'shape'] }]);
    await expect(inferShapes(unknown)).rejects.toMatchObject({
      code: 'RUNTIME_SHAPES_FAILED',
      message: expect.stringContaining('Frobnicate'),
    });
    await expect(inferShapes(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'RUNTIME_SHAPES_FAILED' });
  });
});
