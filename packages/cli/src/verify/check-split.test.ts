import type { Manifest } from '@d3/onnx';
import type { SegmentSession } from '@d3/runtime';
import { makeTensor, type Tensor, type TensorMap, typedView } from '@d3/tensor';
import { describe, expect, it } from 'vitest';
import { checkSplit, type OpenSegment } from './check-split.ts';

/** x → a → b → y, each layer adding 1. */
const NAMES = ['x', 'a', 'b', 'y'];
const MANIFEST = {
  layers: [0, 1, 2].map((index) => ({
    name: `layer${index}`,
    inputs: [NAMES[index]],
    outputs: [NAMES[index + 1]],
  })),
  tensors: NAMES.map((name) => ({ name, bytes: 4, isInput: name === 'x', isOutput: name === 'y' })),
} as unknown as Manifest;

const scalar = (value: number): Tensor => makeTensor('t', 'float32', [1], new Float32Array([value]));
const WHOLE: TensorMap = { a: scalar(1), b: scalar(2), y: scalar(3) };
const REFERENCE = { label: 'noise 1', inputs: { x: scalar(0) }, values: WHOLE };

/** Sessions that are off by a trifle when a segment begins at layer `wrongStart`. */
function opener(wrongStart: number, disposed: number[]): OpenSegment {
  return async (layers, outputs) => {
    const session: SegmentSession = {
      backend: 'cpu',
      run: async (inputs) => {
        const [read] = Object.values(inputs);
        if (read === undefined || Object.keys(inputs).length !== 1) throw new Error('one input was expected');
        const start = typedView({ ...read, type: 'float32' })[0] ?? 0;
        const trifle = layers[0] === wrongStart ? 2 ** -20 : 0;
        const made = layers.map(
          (layer, index) => [NAMES[layer + 1] ?? '', scalar(start + index + 1 + trifle)] as const,
        );
        const asked = made.filter(([name]) => outputs.includes(name));
        return { outputs: Object.fromEntries(asked), computeMs: 0, queueMs: 0 };
      },
      dispose: async () => void disposed.push(layers[0] ?? -1),
    };
    return session;
  };
}

describe('checkSplit()', () => {
  it('finds a split that gives the bits of the whole identical, and frees every session', async () => {
    const disposed: number[] = [];
    const check = await checkSplit(MANIFEST, [0, 1, 2], { open: opener(-1, disposed), references: [REFERENCE] });
    expect(check).toEqual({ identical: true, maxAbsDiff: 0 });
    expect(disposed).toEqual([0, 1, 2]);
  });

  it('names the first boundary tensor that differs, by however little', async () => {
    const check = await checkSplit(MANIFEST, [0, 1, 2], { open: opener(1, []), references: [REFERENCE] });
    expect(check).toEqual({ identical: false, maxAbsDiff: 2 ** -20, where: "tensor 'b' on noise 1" });
  });

  it('feeds a segment with what the one before it made, not with the reference', async () => {
    const check = await checkSplit(MANIFEST, [0, 0, 1], { open: opener(0, []), references: [REFERENCE] });
    // The error of the first segment is in the last one's output too.
    expect(check.where).toBe("tensor 'b' on noise 1");
    const later = await checkSplit(MANIFEST, [0, 0, 1], {
      open: opener(0, []),
      references: [{ ...REFERENCE, values: { ...WHOLE, b: scalar(2 + 2 ** -20) } }],
    });
    expect(later.where).toBe("tensor 'y' on noise 1");
  });

  it('frees a session whose run fails', async () => {
    const disposed: number[] = [];
    const empty = { label: 'nothing', inputs: {}, values: WHOLE };
    const check = checkSplit(MANIFEST, [0, 1, 1], { open: opener(-1, disposed), references: [empty] });
    await expect(check).rejects.toThrow('one input was expected');
    expect(disposed).toEqual([0]);
  });
});
