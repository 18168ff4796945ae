import { describe, expect, it } from 'vitest';
import { openModel } from '../fold/open-model.ts';
import { readModel } from '../index.ts';
import { chain } from '../testing/toy-graphs.ts';
import { fixDimensions } from './fix-dimensions.ts';

const shapeOf = (shape: readonly (number | string)[], sizes: Readonly<Record<string, number>> = {}) => {
  const opened = openModel(readModel(chain(shape, [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }])));
  return fixDimensions(opened, sizes).inputs[0]?.shape;
};

describe('fixDimensions()', () => {
  it('takes 1 for the batch, the same symbol included, unless it is told otherwise', () => {
    expect(shapeOf(['N', 3, 'N'])).toEqual([1, 3, 1]);
    expect(shapeOf(['N', 3, 'N'], { N: 4 })).toEqual([4, 3, 4]);
    expect(shapeOf(['N', 3, 'N'], { N: 4, 'x:2': 5 })).toEqual([4, 3, 5]);
  });

  it('asks for the size of any other symbol, also of one that is called like a property of every object', () => {
    for (const symbol of ['height', 'constructor', 'toString']) {
      expect(() => shapeOf([1, symbol])).toThrow(
        expect.objectContaining({ code: 'ONNX_DIMENSION_UNKNOWN', details: expect.objectContaining({ key: symbol }) }),
      );
      expect(shapeOf([1, symbol], { [symbol]: 7 })).toEqual([1, 7]);
    }
  });
});
