import { makeTensor } from '@d3/tensor';
import { describe, expect, it } from 'vitest';
import { readAnswer } from './read-answer.ts';
import type { Sidecar, SidecarOutput } from './types.ts';

const sidecar = (...outputs: SidecarOutput[]): Sidecar => ({ format: 1, model: 'toy', inputs: [], outputs });
const floats = (shape: readonly number[], ...values: number[]) =>
  makeTensor('y', 'float32', shape, Float32Array.from(values));
const labels = ['a', 'b', 'c', 'd', 'e', 'f'];

describe('readAnswer()', () => {
  it('names the five best classes, the earlier of equals first', () => {
    const y = floats([1, 6], 0.125, 0.25, 0, 0.25, 0.375, 0);
    const [answer] = readAnswer({ y }, sidecar({ name: 'y', kind: 'classes', scores: 'probabilities', labels }));
    expect(answer).toEqual({
      kind: 'classes',
      output: 'y',
      top: [
        { index: 4, label: 'e', score: 0.375 },
        { index: 1, label: 'b', score: 0.25 },
        { index: 3, label: 'd', score: 0.25 },
        { index: 0, label: 'a', score: 0.125 },
        { index: 2, label: 'c', score: 0 },
      ],
      unsure: false,
    });
  });

  it('turns logits into probabilities, however large, and says when it is unsure', () => {
    const classes = {
      name: 'y',
      kind: 'classes',
      scores: 'logits',
      labels: ['a', 'b'],
      minimumProbability: 0.8,
    } as const;
    const read = (...logits: number[]) => readAnswer({ y: floats([2], ...logits) }, sidecar(classes))[0];
    expect(read(1000, 1000 + Math.log(3))).toMatchObject({ top: [{ index: 1 }, { index: 0 }], unsure: true });
    const answer = read(0, Math.log(9));
    expect(answer).toMatchObject({ unsure: false });
    if (answer?.kind !== 'classes') throw new TypeError('expected classes');
    // float32 logits carry about 7 digits.
    expect(answer.top[0]?.score).toBeCloseTo(0.9, 6);
    expect(answer.top[1]?.score).toBeCloseTo(0.1, 6);
  });

  it('reads float16 scores', () => {
    const y = makeTensor('y', 'float16', [4], Uint16Array.of(0x3800, 0x3c00, 0xbc00, 0x0001));
    const classes = { name: 'y', kind: 'classes', scores: 'probabilities', labels: ['a', 'b', 'c', 'd'] } as const;
    expect(readAnswer({ y }, sidecar(classes))[0]).toMatchObject({
      top: [{ score: 1 }, { score: 0.5 }, { score: 2 ** -24 }, { score: -1 }],
    });
  });

  it('shows an output picture, clamped to its range', () => {
    const luma = { name: 'y', kind: 'image', color: 'luma', range: [0, 1] } as const;
    const [gray] = readAnswer({ y: floats([1, 1, 1, 4], -1, 0, 0.5, 2) }, sidecar(luma));
    expect(gray).toMatchObject({ kind: 'image', picture: { width: 4, height: 1 } });
    if (gray?.kind !== 'image') throw new TypeError('expected a picture');
    expect([...gray.picture.rgba]).toEqual([0, 0, 0, 255, 0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255]);
    const bgr = { name: 'y', kind: 'image', color: 'BGR', range: [-1, 1] } as const;
    const [color] = readAnswer({ y: floats([1, 3, 1, 1], 1, 0, -1) }, sidecar(bgr));
    expect(color).toMatchObject({ picture: { rgba: Uint8ClampedArray.of(0, 128, 255, 255) } });
  });

  it('gives the shape of anything else', () => {
    const [answer] = readAnswer({ y: floats([1, 2], 1, 2) }, sidecar({ name: 'y', kind: 'tensor' }));
    expect(answer).toEqual({ kind: 'tensor', output: 'y', shape: [1, 2] });
  });

  it('refuses outputs that are not the sidecar’s', () => {
    const classes = { name: 'y', kind: 'classes', scores: 'logits', labels } as const;
    expect(() => readAnswer({}, sidecar(classes))).toThrow(
      "Output 'y' cannot be read as its sidecar says: it is missing",
    );
    expect(() => readAnswer({ y: floats([1], 1) }, sidecar(classes))).toThrow('it has 1 values for 6 labels');
    const image = { name: 'y', kind: 'image', color: 'RGB', range: [0, 1] } as const;
    expect(() => readAnswer({ y: floats([1, 1, 1, 1], 1) }, sidecar(image))).toThrow('not that of a picture in RGB');
  });
});
