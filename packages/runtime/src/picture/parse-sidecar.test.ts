import type { ManifestTensor } from '@d3/onnx';
import { byteLength, type ElementType } from '@d3/tensor';
import { describe, expect, it } from 'vitest';
import { parseSidecar } from './parse-sidecar.ts';

const tensor = (
  name: string,
  shape: readonly number[],
  [isInput, isOutput]: readonly [boolean, boolean],
  type: ElementType = 'float32',
): ManifestTensor => ({ name, type, shape, bytes: byteLength(type, shape), isInput, isOutput });

const model = {
  name: 'toy',
  tensors: [
    tensor('photo', [1, 3, 8, 6], [true, false]),
    tensor('drawing', [1, 4, 4, 1], [true, false]),
    tensor('extra', [2], [true, false], 'int64'),
    tensor('inside', [1, 3], [false, false]),
    tensor('scores', [1, 3], [false, true]),
    tensor('larger', [1, 1, 16, 12], [false, true]),
    tensor('boxes', [1, 10, 4], [false, true]),
  ],
};
const photo = {
  name: 'photo',
  kind: 'image',
  layout: 'NCHW',
  width: 6,
  height: 8,
  color: 'RGB',
  range: [0, 255],
};
const drawing = {
  name: 'drawing',
  kind: 'sketch',
  layout: 'NHWC',
  width: 4,
  height: 4,
  color: 'gray',
  range: [0, 1],
  ink: 'white',
  fit: 0.8,
  penPixels: 2,
};
const scores = { name: 'scores', kind: 'classes', scores: 'logits', labels: ['a', 'b', 'c'], minimumProbability: 0.5 };
const larger = { name: 'larger', kind: 'image', color: 'luma', range: [0, 1] };
const whole = { format: 1, model: 'toy.onnx', inputs: [photo, drawing], outputs: [scores, larger] };

const files: Readonly<Record<string, string>> = {
  'words.txt': 'n01440764 tench, Tinca tinca\nn01443537 goldfish\r\nplain\n',
  'list.json': '["x", "y", "z"]',
  'broken.json': '["x", 2]',
};
const readFile = async (file: string): Promise<string> => {
  const text = files[file];
  if (text === undefined) throw new Error('no such file');
  return text;
};
const parse = (json: unknown) => parseSidecar(json, model, readFile);

describe('parseSidecar()', () => {
  it('fills in what may be left out, in the model’s order', async () => {
    const sidecar = await parse({ ...whole, inputs: [drawing, photo] });
    expect(sidecar.inputs).toEqual([
      { ...photo, mean: [0], std: [1], resize: { fit: 'cover', filter: 'bilinear' }, alpha: 'white' },
      { ...drawing, mean: [0], std: [1] },
      { name: 'extra', kind: 'tensor' },
    ]);
    expect(sidecar.outputs).toEqual([scores, larger, { name: 'boxes', kind: 'tensor' }]);
    expect(sidecar).toMatchObject({ format: 1, model: 'toy.onnx' });
  });

  it('reads labels from a file beside it', async () => {
    const labelled = (labels: string) => parse({ ...whole, outputs: [{ ...scores, labels }] });
    expect((await labelled('words.txt')).outputs[0]).toMatchObject({
      labels: ['tench, Tinca tinca', 'goldfish', 'plain'],
    });
    expect((await labelled('list.json')).outputs[0]).toMatchObject({ labels: ['x', 'y', 'z'] });
    await expect(labelled('../list.json')).rejects.toThrow("'../list.json' must be the plain name of a file");
    await expect(labelled('lost.txt')).rejects.toThrow("the file 'lost.txt' cannot be read (no such file)");
    await expect(labelled('broken.json')).rejects.toThrow("'broken.json' is not a JSON list of strings");
  });

  const inputs = (change: object) => ({ ...whole, inputs: [{ ...photo, ...change }] });
  const outputs = (...list: object[]) => ({ ...whole, outputs: list });
  it.each<readonly [string, unknown, string, string]>([
    ['no object', null, '/', 'must be object'],
    ['another format', { ...whole, format: 2 }, '/format', 'must be 1'],
    ['no inputs', { format: 1, model: 'toy.onnx', outputs: [] }, '/', 'inputs'],
    ['an unknown property', { ...whole, input: [] }, '/input', 'not a known property'],
    ['a misspelt property', inputs({ heigth: 8 }), '/inputs/0/heigth', 'not a known property'],
    ['an unknown kind', inputs({ kind: 'video' }), '/inputs/0/kind', "'video' must be one of image, sketch, tensor"],
    ['a prototype’s name as kind', inputs({ kind: 'toString' }), '/inputs/0/kind', "'toString' must be one of"],
    ['an unknown layout', inputs({ layout: 'CHW' }), '/inputs/0/layout', 'must be NCHW or NHWC'],
    ['a negative size', inputs({ width: -1 }), '/inputs/0/width', 'must be >= 1'],
    [
      'an unknown input',
      inputs({ name: 'foto' }),
      '/inputs/0/name',
      "no 'foto' among its inputs: photo, drawing, extra",
    ],
    ['an inner tensor', outputs({ ...scores, name: 'inside' }), '/outputs/0/name', "no 'inside' among its outputs"],
    ['an output twice', outputs(scores, scores), '/outputs/1/name', "'scores' is described twice"],
    ['another size', inputs({ width: 7 }), '/inputs/0', 'float32 [1,3,8,6] and this describes float32 [1,3,8,7]'],
    ['another layout', inputs({ layout: 'NHWC' }), '/inputs/0', 'this describes float32 [1,8,6,3]'],
    ['another colour', inputs({ color: 'gray' }), '/inputs/0', 'this describes float32 [1,1,8,6]'],
    ['a picture for integers', inputs({ name: 'extra' }), '/inputs/0', "input 'extra' is int64 [2]"],
    ['two means for three channels', inputs({ mean: [1, 2] }), '/inputs/0/mean', '2 values for 3 channels'],
    ['four stds', inputs({ std: [1, 2, 3, 4] }), '/inputs/0/std', 'must not have more than 3 items'],
    ['a std of 0', inputs({ std: [1, 0, 1] }), '/inputs/0/std', 'it divides by 0'],
    ['an empty range', inputs({ range: [1, 1] }), '/inputs/0/range', '1 and 1 must differ'],
    [
      'too few labels',
      outputs({ ...scores, labels: ['a'] }),
      '/outputs/0/labels',
      "1 labels and output 'scores' has 3",
    ],
    ['no picture’s shape', outputs({ ...larger, name: 'boxes' }), '/outputs/0', "output 'boxes' is [1,10,4]"],
    [
      'another colour out',
      outputs({ ...larger, color: 'RGB' }),
      '/outputs/0',
      'a picture in RGB is [1,3,height,width]',
    ],
    ['a probability of 2', outputs({ ...scores, minimumProbability: 2 }), '/outputs/0/minimumProbability', '<= 1'],
  ])('refuses %s', async (_, json, place, reason) => {
    await expect(parse(json)).rejects.toMatchObject({
      code: 'RUNTIME_SIDECAR_INVALID',
      details: { model: 'toy', place, reason: expect.stringContaining(reason) },
    });
  });
});
