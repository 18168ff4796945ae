import type { Manifest } from '@d3/onnx';
import { makeTensor } from '@d3/tensor';
import { describe, expect, it } from 'vitest';
import { checkInputs } from './check-inputs.ts';

const manifest: Manifest = {
  format: 1,
  name: 'toy',
  hash: '',
  sourceSha256: '',
  level: 'extended',
  opset: 13,
  layers: [],
  tensors: [
    { name: 'x', type: 'float32', shape: [1, 2], bytes: 8, isInput: true, isOutput: false },
    { name: 'y', type: 'float32', shape: [1], bytes: 4, isInput: false, isOutput: true },
  ],
  weights: [],
  totalFlops: 0,
  totalWeightBytes: 0,
};
const x = makeTensor('x', 'float32', [1, 2], new Float32Array(2));

describe('checkInputs()', () => {
  it('accepts what the manifest says', () => {
    expect(() => checkInputs(manifest, { x })).not.toThrow();
  });

  it('names an input that the model lacks, and those it has', () => {
    expect(() => checkInputs(manifest, { x, y: x })).toThrow("Model 'toy' has no input 'y': its inputs are 'x'");
  });

  it('says what a missing input should be', () => {
    expect(() => checkInputs(manifest, {})).toThrow('give a float32 tensor of shape [1,2]');
  });

  it('says what is wrong with type, shape or size', () => {
    const check = (tensor: unknown) => () => checkInputs(manifest, { x: tensor as typeof x });
    expect(check({ ...x, type: 'int32' })).toThrow('is int32 [1,2] in 8 bytes and must be float32 [1,2] in 8 bytes');
    expect(check({ ...x, shape: [2, 1] })).toThrow('float32 [2,1]');
    expect(check({ ...x, bytes: new Uint8Array(4) })).toThrow('in 4 bytes');
    expect(check([1, 2])).toThrow('no tensor {type, shape, bytes}');
    expect(check(null)).toThrow('no tensor');
  });
});
