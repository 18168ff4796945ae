import { describe, expect, it } from 'vitest';
import { openModel } from '../fold/open-model.ts';
import { buildModel, externalPaths, type OnnxAttribute, readModel, writeModel } from '../index.ts';
import { readThirdParty, thirdPartyModels } from '../testing/third-party-models.ts';

const weights = Float32Array.from({ length: 4 }, (_, index) => index / 3);
const toy = () =>
  buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 4] }],
    outputs: [{ name: 'y' }],
    nodes: [
      { op: 'Mul', inputs: ['x', 'w'], outputs: ['m'] },
      {
        op: 'Fancy',
        domain: 'org.example',
        inputs: ['m', ''],
        outputs: ['y'],
        attributes: {
          big: 2n ** 63n - 1n,
          negative: [-1, 5],
          alpha: { float: 0.1 },
          many: { floats: [1, 2.5] },
          mode: 'fast',
          names: { strings: ['a', 'ü'] },
          value: { tensor: { name: 't', type: 'int64', shape: [1], data: BigInt64Array.of(-7n) } },
          body: { graph: { nodes: [], inputs: [], outputs: [{ name: 'm' }] } },
        },
      },
    ],
    initializers: [{ name: 'w', type: 'float32', shape: [4], data: weights }],
    domains: { 'org.example': 1 },
  });

const attribute = (name: string): OnnxAttribute | undefined =>
  readModel(toy()).graph.nodes[1]?.attributes.find((candidate) => candidate.name === name);

describe('readModel()', () => {
  it('gives back what buildModel() was given', () => {
    const model = readModel(toy());
    expect(model.operatorSets).toEqual([
      { domain: '', version: 17 },
      { domain: 'org.example', version: 1 },
    ]);
    expect(model.graph.inputs).toEqual([{ name: 'x', type: 'float32', shape: ['batch', 4] }]);
    expect(model.graph.nodes[1]).toMatchObject({ op: 'Fancy', domain: 'org.example', inputs: ['m', ''] });
    expect(attribute('big')).toMatchObject({ kind: 'int', value: 2n ** 63n - 1n });
    expect(attribute('negative')).toMatchObject({ kind: 'ints', value: [-1n, 5n] });
    expect(attribute('alpha')).toMatchObject({ kind: 'float', value: Math.fround(0.1) });
    expect(attribute('many')).toMatchObject({ kind: 'floats', value: [1, 2.5] });
    expect(attribute('names')).toMatchObject({
      kind: 'strings',
      value: [expect.anything(), Uint8Array.of(0xc3, 0xbc)],
    });
    expect(attribute('value')).toMatchObject({ value: { type: 'int64', shape: [1] } });
    expect(attribute('body')).toMatchObject({ value: { outputs: [{ name: 'm', type: null }] } });
  });

  it('keeps weights as views into the file', () => {
    const bytes = toy();
    const [tensor] = readModel(bytes).graph.initializers;
    expect(tensor?.data?.buffer).toBe(bytes.buffer);
    expect([...new Float32Array(tensor?.data?.slice().buffer ?? new ArrayBuffer(0))]).toEqual([...weights]);
  });

  it('refuses every truncation of a model, and other kinds of file, with ONNX_INVALID_FILE', () => {
    const bytes = toy();
    for (let length = 0; length < bytes.byteLength; length++) {
      expect.soft(() => readModel(bytes.slice(0, length)), `${length}`).toThrow(/Not a whole ONNX model/);
    }
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
    expect(() => readModel(png)).toThrow(expect.objectContaining({ code: 'ONNX_INVALID_FILE' }));
  });

  it('refuses operator sets before 7', () => {
    const old = buildModel({ opset: 6, inputs: [], outputs: [], nodes: [] });
    expect(() => readModel(old)).toThrow(expect.objectContaining({ code: 'ONNX_OPSET_UNSUPPORTED' }));
  });

  it.each(thirdPartyModels())('reads %s, and again what writeModel() makes of it', (path) => {
    const model = readModel(readThirdParty(path));
    expect(model.graph.nodes.length).toBeGreaterThan(5);
    const written = writeModel(model);
    expect(Buffer.compare(writeModel(readModel(written)), written)).toBe(0);
  });
});

describe('external data', () => {
  const external = (path: string) =>
    buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: 'float32', shape: [4] }],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
      initializers: [{ name: 'w', type: 'float32', shape: [4], external: { path, offset: 4 } }],
    });

  it('of constants inside nodes goes inside them, since a node has no other place for it', () => {
    const inner = { name: 'c', type: 'float32', shape: [4], external: { path: 'c.bin', offset: 4 } } as const;
    const body = { nodes: [{ op: 'Identity', inputs: ['w'], outputs: ['b'] }], inputs: [], outputs: [{ name: 'b' }] };
    const branch = {
      graph: { ...body, initializers: [{ ...inner, name: 'w', external: { path: 'w.bin', offset: 0 } }] },
    };
    const bytes = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: 'bool', shape: [] }],
      outputs: [{ name: 'y' }],
      nodes: [
        { op: 'If', inputs: ['x'], outputs: ['t'], attributes: { then_branch: branch, else_branch: branch } },
        { op: 'Constant', inputs: [], outputs: ['c'], attributes: { value: { tensor: inner } } },
        { op: 'Add', inputs: ['t', 'c'], outputs: ['y'] },
      ],
    });
    expect(externalPaths(bytes)).toEqual(['w.bin', 'c.bin']);
    const external = new Map([
      ['w.bin', new Uint8Array(16).fill(1)],
      ['c.bin', new Uint8Array(20).fill(2)],
    ]);
    expect(() => openModel(readModel(bytes))).toThrow(expect.objectContaining({ code: 'ONNX_EXTERNAL_MISSING' }));
    const whole = writeModel(readModel(bytes, { external }));
    expect(externalPaths(whole)).toEqual([]);
    const [branches, constant] = readModel(whole).graph.nodes;
    expect(constant?.attributes[0]?.value).toMatchObject({ data: new Uint8Array(16).fill(2) });
    expect(branches?.attributes[0]?.value).toMatchObject({ initializers: [{ data: new Uint8Array(16).fill(1) }] });
  });

  it('is found by externalPaths() and read as views of the given files', () => {
    const file = new Uint8Array(20);
    expect(externalPaths(external('data/weights.bin'))).toEqual(['data/weights.bin']);
    const model = readModel(external('data/weights.bin'), { external: new Map([['data/weights.bin', file]]) });
    expect(model.graph.initializers[0]?.data).toMatchObject({ byteOffset: 4, byteLength: 16 });
    expect(model.graph.initializers[0]?.data?.buffer).toBe(file.buffer);
  });

  it('stays declared when no files are given', () => {
    const [tensor] = readModel(external('w.bin')).graph.initializers;
    expect(tensor).toMatchObject({ data: null, external: { path: 'w.bin', offset: 4, length: 16 } });
  });

  it('names a missing or short file', () => {
    const code = expect.objectContaining({ code: 'ONNX_EXTERNAL_MISSING' });
    expect(() => readModel(external('w.bin'), { external: new Map() })).toThrow(code);
    expect(() => readModel(external('w.bin'), { external: new Map([['w.bin', new Uint8Array(8)]]) })).toThrow(code);
  });

  it.each(['/etc/passwd', '../w.bin', 'a/../../w.bin', 'C:\\w.bin', 'file:///w', 'a//b', '', '.', 'a\0b'])(
    'refuses the path %j',
    (path) => {
      expect(() => readModel(external(path))).toThrow(expect.objectContaining({ code: 'ONNX_EXTERNAL_PATH' }));
    },
  );
});
