import { describe, expect, it } from 'vitest';
import {
  buildModel,
  encodeManifest,
  exportSegment,
  modelNameOf,
  type PackedModel,
  type PackOptions,
  packModel,
  parseManifest,
  segmentBoundary,
} from '../index.ts';
import { conditionalNet, ODD_GRAPHS, shapeArithmeticNet } from '../testing/odd-graphs.ts';
import { bytesOf, inferWithOrt, randomFeeds, relativeDistance, runModel } from '../testing/ort.ts';
import { allLayers, rangesAt, runParts } from '../testing/run-ranges.ts';
import { readThirdParty, thirdPartyModels } from '../testing/third-party-models.ts';
import { chain, floats, ints, weight } from '../testing/toy-graphs.ts';

const pack = (path: string): Promise<PackedModel> =>
  packModel(readThirdParty(path), { name: modelNameOf(path), infer: inferWithOrt });

const packToy = (bytes: Uint8Array<ArrayBuffer>, rest: Partial<PackOptions> = {}): Promise<PackedModel> =>
  packModel(bytes, { name: 'toy', infer: inferWithOrt, ...rest });

describe.each(thirdPartyModels())('packModel() of %s', (path) => {
  const packed = pack(path);

  it('computes what the original does, within 1e-5', async () => {
    const model = await packed;
    const feeds = randomFeeds(model, 1);
    const folded = await runModel(exportSegment(model, allLayers(model)), feeds, 'disabled');
    const original = await runModel(readThirdParty(path), feeds, 'disabled');
    for (const { name } of model.manifest.tensors.filter((tensor) => tensor.isOutput)) {
      // BatchNorm folded in double precision and rounded once: float32 noise over a few dozen layers.
      expect(relativeDistance(folded[name], original[name])).toBeLessThan(1e-5);
    }
  });

  it('gives segments that run in sequence to the bits of the whole', async () => {
    const model = await packed;
    const feeds = randomFeeds(model, 2);
    const count = model.manifest.layers.length;
    const whole = await runParts(model, feeds, [allLayers(model)]);
    const cuts = [[1], [Math.floor(count / 3), Math.floor((2 * count) / 3)], [count - 1]];
    for (const cut of cuts) {
      const parts = await runParts(model, feeds, rangesAt(model, cut));
      for (const { name } of model.manifest.tensors.filter((tensor) => tensor.isOutput)) {
        expect(Buffer.compare(bytesOf(parts[name]), bytesOf(whole[name])), `cut ${cut}, ${name}`).toBe(0);
      }
    }
  });

  it('is the same bytes again, and shares memory with the file where nothing was folded', async () => {
    const model = await packed;
    const bytes = readThirdParty(path);
    const again = await packModel(bytes, { name: modelNameOf(path), infer: inferWithOrt });
    expect(Buffer.compare(encodeManifest(model.manifest), encodeManifest(again.manifest))).toBe(0);
    expect(Buffer.compare(model.graph, again.graph)).toBe(0);
    const copied = again.manifest.weights.filter(({ id }) => again.weights.get(id)?.buffer !== bytes.buffer);
    // The light models hold no weights: ConstantOfShape makes them.
    expect(copied.every(({ name }) => /folded/.test(name) || path.startsWith('light'))).toBe(true);
  });

  it('orders layers topologically and lists every tensor they touch', async () => {
    const { manifest } = await packed;
    const known = new Set(manifest.tensors.filter((tensor) => tensor.isInput).map((tensor) => tensor.name));
    for (const layer of manifest.layers) {
      for (const name of layer.inputs) expect(known.has(name), `${layer.name} reads ${name}`).toBe(true);
      for (const name of layer.outputs) known.add(name);
    }
    expect(manifest.tensors.map((tensor) => tensor.name).sort()).toEqual([...known].sort());
    expect(segmentBoundary(manifest, allLayers(await packed)).outputs.every((tensor) => tensor.isOutput)).toBe(true);
  });
});

describe.each(ODD_GRAPHS)('packModel() of %s', (_, bytes) => {
  const packed = packToy(bytes);

  it('is bit-identical at every cut', async () => {
    const model = await packed;
    const outputs = model.manifest.tensors.filter((tensor) => tensor.isOutput);
    const feeds = randomFeeds(model, 3);
    const whole = await runParts(model, feeds, [allLayers(model)]);
    expect(model.manifest.layers.length).toBeGreaterThan(1);
    for (const cut of allLayers(model).slice(1)) {
      const parts = await runParts(model, feeds, rangesAt(model, [cut]));
      for (const { name } of outputs) {
        expect(Buffer.compare(bytesOf(parts[name]), bytesOf(whole[name])), `cut ${cut}, ${name}`).toBe(0);
      }
    }
  });

  it('computes what the original does', async () => {
    const model = await packed;
    const feeds = randomFeeds(model, 4);
    const folded = await runParts(model, feeds, [allLayers(model)]);
    const original = await runModel(bytes, feeds, 'disabled');
    for (const { name, type } of model.manifest.tensors.filter((tensor) => tensor.isOutput)) {
      // Raw float16 patterns: a few units in the last place, since the original rounds more often within a layer.
      const tolerance = type === 'float16' ? 1e-3 : 1e-5;
      expect(relativeDistance(folded[name], original[name])).toBeLessThan(tolerance);
    }
  });

  it('gives a manifest that parseManifest() takes and encodeManifest() writes as it was', async () => {
    const bytesOfManifest = encodeManifest((await packed).manifest);
    expect(Buffer.compare(encodeManifest(parseManifest(bytesOfManifest)), bytesOfManifest)).toBe(0);
  });
});

describe('packModel()', () => {
  it('folds BatchNorm into Conv and Gemm, and shape arithmetic away', async () => {
    const { manifest } = await packToy(shapeArithmeticNet());
    expect(manifest.layers.map((layer) => layer.ops)).toEqual([['Reshape'], ['MatMul', 'Add']]);
    expect(manifest.tensors[0]?.shape).toEqual([1, 3, 8, 8]);
    const norm = ['scale', 'bias', 'mean', 'variance'];
    const gemm = chain(
      [2, 4],
      [
        { op: 'Gemm', inputs: ['x', 'w'], outputs: ['g'], attributes: { transB: 1 } },
        { op: 'BatchNormalization', inputs: ['g', ...norm], outputs: ['y'] },
      ],
      {
        initializers: [weight('w', [3, 4]), ...norm.map((name) => floats(name, [3], [1, 2, 3]))],
      },
    );
    const folded = await packToy(gemm);
    expect(folded.manifest.layers.map((layer) => layer.ops)).toEqual([['Gemm']]);
    const feeds = randomFeeds(folded, 1);
    const [before, after] = [await runModel(gemm, feeds, 'disabled'), await runParts(folded, feeds, [[0]])];
    expect(relativeDistance(after.y, before.y)).toBeLessThan(1e-6);
  });

  it('folds into a copy of a weight that two convolutions share', async () => {
    const norm = (name: string, factor: number) => [
      ...['scale', 'bias', 'mean'].map((part) => floats(`${name}.${part}`, [4], [1, 2, 3, 4])),
      floats(`${name}.variance`, [4], [factor, 1, 1, 1]),
    ];
    const norms = [norm('n1', 4), norm('n2', 9)] as const;
    const bytes = chain(
      [1, 4, 6, 6],
      [
        { op: 'Conv', inputs: ['x', 'w'], outputs: ['c1'] },
        { op: 'BatchNormalization', inputs: ['c1', ...norms[0].map(({ name }) => name)], outputs: ['b1'] },
        { op: 'Conv', inputs: ['b1', 'w'], outputs: ['c2'] },
        { op: 'BatchNormalization', inputs: ['c2', ...norms[1].map(({ name }) => name)], outputs: ['y'] },
      ],
      { initializers: [weight('w', [4, 4, 1, 1]), ...norms.flat()] },
    );
    const packed = await packToy(bytes);
    expect(packed.manifest.layers.map((layer) => layer.ops)).toEqual([['Conv'], ['Conv']]);
    const feeds = randomFeeds(packed, 1);
    const [before, after] = [await runModel(bytes, feeds, 'disabled'), await runParts(packed, feeds, [[0, 1]])];
    expect(relativeDistance(after.y, before.y)).toBeLessThan(1e-5);
  });

  it('leaves a BatchNorm whose input is read elsewhere', async () => {
    const norm = ['scale', 'bias', 'mean', 'variance'].map((name) => floats(name, [4], [1, 2, 3, 4]));
    const { manifest } = await packToy(
      chain(
        [1, 4, 6, 6],
        [
          { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] },
          { op: 'BatchNormalization', inputs: ['c', ...norm.map(({ name }) => name)], outputs: ['n'] },
          { op: 'Add', inputs: ['n', 'c'], outputs: ['y'] },
        ],
        { initializers: [weight('w', [4, 4, 1, 1]), ...norm] },
      ),
    );
    expect(manifest.layers.map((layer) => layer.ops)).toEqual([['Conv'], ['BatchNormalization'], ['Add']]);
  });

  it('reads control flow with what its bodies capture as inputs of its layer', async () => {
    const { manifest } = await packToy(conditionalNet());
    const condition = manifest.layers.find((layer) => layer.kind === 'If');
    expect(condition?.inputs).toEqual(['c', 'a', 'x']);
  });

  it('counts floating-point operations and gives the geometry of spatial layers', async () => {
    const { manifest } = await packToy(
      chain(
        [1, 4, 9, 9],
        [
          {
            op: 'Conv',
            inputs: ['x', 'w', 'b'],
            outputs: ['c'],
            attributes: { auto_pad: 'SAME_LOWER', strides: [2, 2], group: 2 },
          },
          { op: 'MaxPool', inputs: ['c'], outputs: ['y'], attributes: { kernel_shape: [2, 2] } },
        ],
        { initializers: [weight('w', [6, 2, 4, 4]), weight('b', [6])] },
      ),
    );
    const [conv, pool] = manifest.layers;
    expect(conv?.flops).toBe(6 * 5 * 5 * (2 * 2 * 16 + 1));
    expect(pool?.flops).toBe(6 * 4 * 4 * 4);
    expect(conv?.spatial).toEqual({ kernel: [4, 4], stride: [2, 2], pads: [2, 2, 1, 1], dilation: [1, 1], groups: 2 });
    expect(pool?.spatial).toMatchObject({ kernel: [2, 2], stride: [1, 1], pads: [0, 0, 0, 0] });
    expect(manifest.totalFlops).toBe((conv?.flops ?? 0) + (pool?.flops ?? 0));
  });

  it('keeps large weights as views, small ones inline, equal ones once', async () => {
    const bytes = chain(
      [1, 64],
      [
        { op: 'MatMul', inputs: ['x', 'w'], outputs: ['a'] },
        { op: 'Relu', inputs: ['a'], outputs: ['r'] },
        { op: 'MatMul', inputs: ['r', 'v'], outputs: ['b'] },
        { op: 'Mul', inputs: ['b', 'small'], outputs: ['y'] },
      ],
      { initializers: [weight('w', [64, 64]), { ...weight('w', [64, 64]), name: 'v' }, weight('small', [64])] },
    );
    const { manifest, weights } = await packToy(bytes);
    expect(manifest.weights.map(({ name }) => name)).toEqual(['w', 'v']);
    expect([...weights.values()].map((blob) => [blob.buffer === bytes.buffer, blob.byteLength])).toEqual([
      [true, 16384],
    ]);
    expect(manifest.totalWeightBytes).toBe(16384);
    expect(manifest.layers[0]?.weights).toEqual(manifest.layers[1]?.weights);
  });

  it('takes initializers that are inputs too, unsorted nodes, unnamed and equally named nodes', async () => {
    const { manifest } = await packToy(
      chain(
        [4],
        [
          { op: 'Relu', name: 'same', inputs: ['a'], outputs: ['b'] },
          { op: 'Neg', name: 'same', inputs: ['b'], outputs: ['c'] },
          { op: 'Add', inputs: ['x', 'w'], outputs: ['a'] },
          { op: 'Abs', inputs: ['c'], outputs: ['y'] },
        ],
        {
          inputs: [
            { name: 'x', type: 'float32', shape: [4] },
            { name: 'w', type: 'float32', shape: [4] },
          ],
          initializers: [weight('w', [4])],
        },
      ),
    );
    expect(manifest.layers.map((layer) => layer.name)).toEqual(['Add_0', 'same', 'same_2', 'Abs_3']);
    expect(manifest.tensors.filter((tensor) => tensor.isInput).map((tensor) => tensor.name)).toEqual(['x']);
  });

  it('gives a constant output a layer, and keeps the names that outputs have', async () => {
    const packed = await packToy(
      chain(
        [4],
        [
          { op: 'Relu', inputs: ['x'], outputs: ['r'] },
          { op: 'Identity', inputs: ['r'], outputs: ['y'] },
          { op: 'Identity', inputs: ['r'], outputs: ['again'] },
        ],
        { initializers: [weight('k', [4])], outputs: [{ name: 'y' }, { name: 'again' }, { name: 'k' }] },
      ),
    );
    const outputs = packed.manifest.tensors.filter((tensor) => tensor.isOutput).map((tensor) => tensor.name);
    expect(outputs.toSorted()).toEqual(['again', 'k', 'y']);
    const values = await runParts(packed, randomFeeds(packed, 1), [allLayers(packed)]);
    expect(Buffer.compare(bytesOf(values.again), bytesOf(values.y))).toBe(0);
  });

  it('fixes symbolic dimensions by name or place, and asks for the others', async () => {
    const image = chain(['N', 3, 'H', null as unknown as string], [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }]);
    const { manifest } = await packToy(image, { dims: { H: 8, 'x:3': 6, N: 2 } });
    expect(manifest.tensors[1]?.shape).toEqual([2, 3, 8, 6]);
    await expect(packToy(image)).rejects.toThrow("Dimension 2 of input 'x' is symbolic ('H'): give 'H' a size");
    await expect(packToy(image, { dims: { H: 8 } })).rejects.toMatchObject({ code: 'ONNX_DIMENSION_UNKNOWN' });
    await expect(packToy(image, { dims: { H: 0 } })).rejects.toThrow(RangeError);
  });

  it('refuses network inputs and outputs that it cannot carry', async () => {
    const double = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: 'float64', shape: [4] }],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    });
    await expect(packToy(double)).rejects.toThrow(/Input 'x' is of type float64: .*cast it/);
    const reserved = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: 'float32', shape: [4] }],
      outputs: [{ name: '__proto__' }],
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['__proto__'] }],
    });
    await expect(packToy(reserved)).rejects.toThrow(/'__proto__' is of a name that is reserved/);
    const found = chain([4], [{ op: 'NonZero', inputs: ['x'], outputs: ['y'] }]);
    await expect(packToy(found)).rejects.toThrow(/Output 'y' is of a shape that depends on the data/);
  });

  it('names an operator that the runtime does not know', async () => {
    const node = { name: 'odd', op: 'Frobnicate', inputs: ['x'], outputs: ['y'] };
    await expect(packToy(chain([4], [node]))).rejects.toThrow(/knows no operator 'Frobnicate' \(node 'odd'\)/);
    const custom = chain([4], [{ ...node, domain: 'org.example' }], { domains: { 'org.example': 1 } });
    await expect(packToy(custom)).rejects.toThrow(/knows no operator 'org.example:Frobnicate'/);
    const wrong = chain([4], [{ op: 'Relu', inputs: ['x', 'x'], outputs: ['y'] }]);
    await expect(packToy(wrong)).rejects.toMatchObject({ code: 'ONNX_SHAPES_REFUSED' });
  });

  it.each([
    [
      'a cycle',
      [
        { op: 'Add', inputs: ['x', 'y'], outputs: ['a'] },
        { op: 'Relu', inputs: ['a'], outputs: ['y'] },
      ],
    ],
    [
      'a name made twice',
      [
        { op: 'Relu', inputs: ['x'], outputs: ['y'] },
        { op: 'Abs', inputs: ['x'], outputs: ['y'] },
      ],
    ],
    ['a name made by nothing', [{ op: 'Add', inputs: ['x', 'ghost'], outputs: ['y'] }]],
    ['an output made by nothing', [{ op: 'Relu', inputs: ['x'], outputs: ['z'] }]],
  ])('refuses %s', async (_, nodes) => {
    await expect(packToy(chain([4], nodes))).rejects.toMatchObject({ code: 'ONNX_GRAPH_INVALID' });
  });

  it('refuses external weights that were not given, and a bad name', async () => {
    const external = { path: 'w.bin', offset: 0 };
    const bytes = chain([4], [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }], {
      initializers: [{ name: 'w', type: 'float32', shape: [4], external }],
    });
    await expect(packToy(bytes)).rejects.toMatchObject({ code: 'ONNX_EXTERNAL_MISSING' });
    const files = new Map([['w.bin', new Uint8Array(16)]]);
    expect((await packToy(bytes, { external: files })).manifest.layers).toHaveLength(1);
    await expect(packToy(bytes, { external: files, name: '../up' })).rejects.toThrow(RangeError);
  });

  it('stops when aborted, and reports its way', async () => {
    const bytes = chain([4], [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }]);
    await expect(packToy(bytes, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    const stages: string[] = [];
    await packToy(bytes, { onProgress: ({ stage }) => stages.push(stage) });
    expect(stages).toEqual(['read', 'shapes', 'done']);
  });

  it('folds only what is exact: an Exp of constants stays an operator', async () => {
    const { manifest } = await packToy(
      chain(
        [4],
        [
          { op: 'Exp', inputs: ['k'], outputs: ['e'] },
          { op: 'Slice', inputs: ['k', 'from', 'to', 'axes', 'steps'], outputs: ['back'] },
          { op: 'Mul', inputs: ['back', 'k'], outputs: ['m'] },
          { op: 'Add', inputs: ['x', 'e'], outputs: ['a'] },
          { op: 'Add', inputs: ['a', 'm'], outputs: ['y'] },
        ],
        {
          initializers: [
            weight('k', [4]),
            ints('from', [-1]),
            ints('to', [-99]),
            ints('axes', [0]),
            ints('steps', [-1]),
          ],
        },
      ),
    );
    expect(manifest.layers.map((layer) => layer.ops)).toEqual([['Exp', 'Add'], ['Add']]);
  });
});
