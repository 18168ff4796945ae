import { describe, expect, it } from 'vitest';
import { encodeManifest, type Manifest, packModel, parseManifest } from '../index.ts';
import { inferWithOrt } from '../testing/ort.ts';
import { chain, weight } from '../testing/toy-graphs.ts';

const packed = packModel(
  chain(
    [1, 4, 8, 8],
    [
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] },
      { op: 'Relu', inputs: ['c'], outputs: ['r'] },
      { op: 'MaxPool', inputs: ['r'], outputs: ['y'], attributes: { kernel_shape: [2, 2] } },
    ],
    { initializers: [weight('w', [16, 4, 3, 3])] },
  ),
  { name: 'toy', infer: inferWithOrt },
);

type Draft = { [Key in keyof Manifest]: unknown } & {
  layers: Record<string, unknown>[];
  tensors: Record<string, unknown>[];
  weights: Record<string, unknown>[];
};

/** The manifest as JSON, changed. */
async function changed(change: (draft: Draft) => void): Promise<unknown> {
  const draft = JSON.parse(JSON.stringify((await packed).manifest)) as Draft;
  change(draft);
  return draft;
}

describe('parseManifest()', () => {
  it('takes bytes or JSON, and drops what it does not know', async () => {
    const { manifest } = await packed;
    expect(parseManifest(encodeManifest(manifest))).toEqual(manifest);
    expect(parseManifest(await changed((draft) => Object.assign(draft, { extra: 1 })))).toEqual(manifest);
  });

  it.each<[string, string, (draft: Draft) => void]>([
    ['another format', 'format', (draft) => Object.assign(draft, { format: 2 })],
    ['a name that is a path', 'name', (draft) => Object.assign(draft, { name: '../up' })],
    ['a name of dots alone', 'name', (draft) => Object.assign(draft, { name: '..' })],
    ['a hash that is none', 'hash', (draft) => Object.assign(draft, { hash: 'abc' })],
    ['an unknown level', 'level', (draft) => Object.assign(draft, { level: 'all' })],
    ['layers that are no list', 'layers', (draft) => Object.assign(draft, { layers: {} })],
    ['no layer', 'layers', (draft) => Object.assign(draft, { layers: [], totalFlops: 0 })],
    ['layers out of order', 'layers[0].inputs', (draft) => draft.layers.reverse()],
    ['a tensor twice', 'tensors', (draft) => draft.tensors.push(draft.tensors[0] ?? {})],
    ['a tensor that nothing makes', 'tensors', (draft) => draft.tensors.push({ ...draft.tensors[1], name: 'ghost' })],
    ['bytes that do not fit a shape', 'tensors[0]', (draft) => Object.assign(draft.tensors[0] ?? {}, { bytes: 5 })],
    [
      'a type that cannot cross',
      'tensors[0].type',
      (draft) => Object.assign(draft.tensors[0] ?? {}, { type: 'float64' }),
    ],
    ['a negative size', 'tensors[0].shape[0]', (draft) => Object.assign(draft.tensors[0] ?? {}, { shape: [-1] })],
    ['a blob id that is a path', 'weights[0].id', (draft) => Object.assign(draft.weights[0] ?? {}, { id: '../../x' })],
    ['a weight that is not listed', 'layers[0].weightNames', (draft) => Object.assign(draft, { weights: [] })],
    ['sums that are wrong', 'totalFlops', (draft) => Object.assign(draft, { totalFlops: 1 })],
    ['nodes out of order', 'layers[0].nodes', (draft) => Object.assign(draft.layers[0] ?? {}, { nodes: [1, 0] })],
    [
      'a stride of 0',
      'layers[0].spatial.stride[1]',
      (draft) => Object.assign(draft.layers[0]?.spatial ?? {}, { stride: [1, 0] }),
    ],
    [
      'geometry with an axis too few',
      'layers[0].spatial',
      (draft) => Object.assign(draft.layers[0]?.spatial ?? {}, { kernel: [3] }),
    ],
  ])('refuses %s, naming the place', async (_, place, change) => {
    const draft = await changed(change);
    expect(() => parseManifest(draft)).toThrow(
      expect.objectContaining({ code: 'ONNX_PACK_INVALID', details: expect.objectContaining({ place }) }),
    );
  });

  it.each([
    ['{"format":1', 'cut short'],
    ['null', 'null'],
    ['[]', 'a list'],
    ['', 'empty'],
  ])('refuses %j (%s)', (text) => {
    const bytes = new TextEncoder().encode(text);
    expect(() => parseManifest(bytes)).toThrow(expect.objectContaining({ code: 'ONNX_PACK_INVALID' }));
  });
});
