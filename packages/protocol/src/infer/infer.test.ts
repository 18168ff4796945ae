import { isD3Error } from '@d3/errors';
import { byteLength, ELEMENT_TYPES, makeTensor, type Tensor, type TensorMap } from '@d3/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeInferRequest,
  encodeInferResponse,
  type InferHttp,
  parseInferRequest,
  parseInferResponse,
} from '../index.ts';

const limits = { maxTensorBytes: 1 << 20, maxFrameBytes: 1 << 20 };
const LENGTH = 'inference-header-content-length';

/** Headers as Node gives them: lower-case. */
function received({ headers, body }: InferHttp): [Record<string, string>, Uint8Array] {
  return [Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])), body];
}

function bytesOf(json: unknown, ...binary: number[]): [Record<string, string>, Uint8Array] {
  const text = new TextEncoder().encode(typeof json === 'string' ? json : JSON.stringify(json));
  const body = new Uint8Array(text.length + binary.length);
  body.set(text);
  body.set(binary, text.length);
  return [binary.length === 0 ? {} : { [LENGTH]: String(text.length) }, body];
}

function problemOf(json: unknown, ...binary: number[]): string {
  try {
    parseInferRequest(...bytesOf(json, ...binary), limits);
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
  return 'no problem';
}

const input = (fields: object) => ({ inputs: [{ name: 'x', shape: [2], datatype: 'FP32', ...fields }] });
const tensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...ELEMENT_TYPES), fc.array(fc.nat(5), { maxLength: 4 }), fc.infiniteStream(fc.nat(255)))
  .map(([type, shape, numbers]) => {
    const bytes = new Uint8Array(byteLength(type, shape));
    for (let at = 0; at < bytes.length; at++) bytes[at] = Number(numbers.next().value) & (type === 'bool' ? 1 : 255);
    return { type, shape, bytes };
  });
const tensorMap: fc.Arbitrary<TensorMap> = fc.dictionary(fc.string({ maxLength: 6 }), tensor, { maxKeys: 4 });

describe('binary tensor data', () => {
  it('O1: reads the published example, byte for byte', () => {
    const json = `{
  "model_name" : "mymodel",
  "inputs" : [
    { "name" : "input0", "shape" : [ 2, 2 ], "datatype" : "INT32", "parameters" : { "binary_data_size" : 16 } },
    { "name" : "input1", "shape" : [ 3 ], "datatype" : "BOOL", "parameters" : { "binary_data_size" : 3 } }
  ],
  "outputs" : [ { "name" : "output0", "parameters" : { "binary_data" : true } } ]
}
`;
    const binary = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 255, 255, 255, 255, 1, 0, 1];
    const request = parseInferRequest(...bytesOf(json, ...binary), limits);
    expect(request).toEqual({
      inputs: {
        input0: makeTensor('input0', 'int32', [2, 2], Int32Array.of(1, 2, 3, -1)),
        input1: makeTensor('input1', 'bool', [3], Uint8Array.of(1, 0, 1)),
      },
      outputs: [{ name: 'output0', binary: true }],
      binaryOutputs: false,
    });
  });

  it('O2: writes JSON, then the tensors unpadded, and their lengths', () => {
    const outputs = {
      a: makeTensor('a', 'uint8', [3], Uint8Array.of(7, 8, 9)),
      b: makeTensor('b', 'float32', [1, 2], Float32Array.of(1, -2)),
    };
    const http = encodeInferResponse({ modelName: 'm', modelVersion: '1', id: '42', outputs }, { binaryOutputs: true });
    const length = Number(http.headers['Inference-Header-Content-Length']);
    expect(http.headers['Content-Type']).toBe('application/octet-stream');
    expect(JSON.parse(new TextDecoder().decode(http.body.subarray(0, length)))).toEqual({
      model_name: 'm',
      model_version: '1',
      id: '42',
      outputs: [
        { name: 'a', shape: [3], datatype: 'UINT8', parameters: { binary_data_size: 3 } },
        { name: 'b', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } },
      ],
    });
    expect([...http.body.subarray(length)]).toEqual([7, 8, 9, 0, 0, 128, 63, 0, 0, 0, 192]);
  });

  it('O3: what one side writes the other reads, for every type and shape', () => {
    fc.assert(
      fc.property(tensorMap, fc.option(fc.string({ maxLength: 9 }), { nil: undefined }), (tensors, id) => {
        const withId = id === undefined ? {} : { id };
        const request = encodeInferRequest({ ...withId, inputs: tensors, outputs: ['y'] });
        expect(parseInferRequest(...received(request), limits)).toEqual({
          ...withId,
          inputs: tensors,
          outputs: [{ name: 'y', binary: true }],
          binaryOutputs: true,
        });
        const response = encodeInferResponse({ ...withId, modelName: 'm', outputs: tensors }, { binaryOutputs: true });
        const headers = new Headers({ ...response.headers });
        expect(parseInferResponse(headers, response.body, limits)).toEqual({
          ...withId,
          modelName: 'm',
          outputs: tensors,
        });
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  it('O4: gives the outputs asked for, in that order and form', () => {
    const outputs = {
      a: makeTensor('a', 'uint8', [1], Uint8Array.of(1)),
      b: makeTensor('b', 'uint8', [1], Uint8Array.of(2)),
    };
    const request = { binaryOutputs: true, outputs: [{ name: 'b', binary: false }] };
    const http = encodeInferResponse({ modelName: 'm', outputs }, request);
    expect(http.headers).toEqual({ 'Content-Type': 'application/json' });
    expect(new TextDecoder().decode(http.body)).toBe(
      '{"outputs":[{"name":"b","shape":[1],"datatype":"UINT8","data":[2]}],"model_name":"m"}',
    );
    const unknown = { binaryOutputs: true, outputs: [{ name: 'toString', binary: true }] };
    expect(() => encodeInferResponse({ modelName: 'm', outputs }, unknown)).toThrow(
      "/outputs/0/name: 'toString' is no output of the model; it has a, b",
    );
  });

  it('O5: `binary_data` of an output overrides `binary_data_output`', () => {
    const json = {
      inputs: [],
      parameters: { binary_data_output: true, unknown: 1 },
      outputs: [{ name: 'a' }, { name: 'b', parameters: { binary_data: false } }],
    };
    expect(parseInferRequest(...bytesOf(json), limits)).toMatchObject({
      outputs: [
        { name: 'a', binary: true },
        { name: 'b', binary: false },
      ],
      binaryOutputs: true,
    });
  });
});

describe('JSON tensor data', () => {
  it('O6: reads flat and nested arrays alike', () => {
    const flat = input({ shape: [2, 2], data: [1, 2.5, -0, 4] });
    const nested = input({
      shape: [2, 2],
      data: [
        [1, 2.5],
        [-0, 4],
      ],
    });
    const x = makeTensor('x', 'float32', [2, 2], Float32Array.of(1, 2.5, 0, 4));
    for (const json of [flat, nested]) expect(parseInferRequest(...bytesOf(json), limits).inputs).toEqual({ x });
    const scalar = parseInferRequest(...bytesOf(input({ shape: [], data: [3] })), limits).inputs;
    expect(scalar).toEqual({ x: makeTensor('x', 'float32', [], Float32Array.of(3)) });
  });

  it('O7: writes what it reads, exactly', () => {
    const inputs = {
      f: makeTensor('f', 'float32', [4], Float32Array.of(0.1, -0, 3.4e38, 1e-45)),
      i: makeTensor('i', 'int64', [2], BigInt64Array.of(-(2n ** 53n) + 1n, 5n)),
      b: makeTensor('b', 'bool', [2], Uint8Array.of(1, 0)),
      n: makeTensor('n', 'int8', [2], Int8Array.of(-128, 127)),
    };
    const request = encodeInferRequest({ inputs, binary: false });
    expect(parseInferRequest(...received(request), limits).inputs).toEqual(inputs);
  });

  it('O7: a 64-bit integer beyond 2^53 is written exactly and refused where it would be rounded', () => {
    const big = { x: makeTensor('x', 'int64', [1], BigInt64Array.of(2n ** 62n + 1n)) };
    const { body } = encodeInferRequest({ inputs: big, binary: false });
    expect(new TextDecoder().decode(body)).toContain('[4611686018427387905]');
    expect(problemOf(new TextDecoder().decode(body))).toContain('send larger ones as binary data');
  });

  it('O8: says that FP16 and infinite values need binary data', () => {
    const half = { x: makeTensor('x', 'float16', [1], Uint16Array.of(0)) };
    const infinite = { x: makeTensor('x', 'float32', [2], Float32Array.of(0, Number.POSITIVE_INFINITY)) };
    expect(() => encodeInferRequest({ inputs: half, binary: false })).toThrow('FP16 has no JSON form');
    expect(() => encodeInferRequest({ inputs: infinite, binary: false })).toThrow('element 1 is Infinity');
    expect(problemOf(input({ datatype: 'FP16', data: [1, 2] }))).toContain('send it as binary data');
  });
});

describe('parseInferRequest() of bad input', () => {
  it('O9: names the place and the problem', () => {
    const cases: readonly [string, string][] = [
      [problemOf('{'), 'PROTOCOL_INFER_MALFORMED: Inference message is malformed at /: is not JSON'],
      [problemOf([]), 'at /: must be an object'],
      [problemOf({}), 'at /inputs: must be an array'],
      [problemOf(input({})), 'at /inputs/0/data: must be an array'],
      [problemOf(input({ data: [1] })), 'at /inputs/0/data: has 1 items and its shape needs 2'],
      [problemOf(input({ data: [1, '2'] })), 'at /inputs/0/data: item 1 must be a number'],
      [problemOf(input({ data: [1, 1e39] })), 'item 1 is 1e+39, which is no FP32'],
      [problemOf(input({ datatype: 'UINT8', data: [1, 256] })), 'item 1 is 256, which is no UINT8'],
      [problemOf(input({ datatype: 'BOOL', data: [true, 2] })), 'item 1 is 2, which is no BOOL'],
      [problemOf(input({ shape: [2, 1], data: [[1], 2] })), 'at /inputs/0/data/1: must be an array'],
      [problemOf(input({ datatype: 'FP64', data: [1, 2] })), "PROTOCOL_INFER_DATATYPE: Tensor 'x' has datatype 'FP64'"],
      [problemOf(input({ shape: [-1] })), 'at /inputs/0/shape/0: must be an integer from 0'],
      [problemOf(input({ shape: [1e6] })), 'PROTOCOL_LIMIT_EXCEEDED'],
      [
        problemOf({ inputs: [...input({ data: [1, 2] }).inputs, ...input({ data: [1, 2] }).inputs] }),
        "'x' is there twice",
      ],
      [problemOf(input({ parameters: { binary_data_size: 8 } })), 'reaches byte 8 of 0 bytes'],
      [problemOf(input({ parameters: { binary_data_size: 7 } })), 'is 7 and its shape needs 8'],
      [problemOf(input({ data: [1, 2] }), 0), '1 bytes of binary data belong to no tensor'],
      [problemOf(input({ data: [1, 2], parameters: { binary_data_size: 8 } })), 'is there beside binary_data_size'],
      [problemOf(input({ datatype: 'BOOL', parameters: { binary_data_size: 2 } }), 1, 2), 'bytes other than 0 and 1'],
    ];
    for (const [problem, part] of cases) expect(problem).toContain(part);
  });

  it('O9: refuses a header length that is none', () => {
    const [, body] = bytesOf(input({ data: [1, 2] }));
    for (const length of ['-1', '1e3', '9999', 'x', '']) {
      expect(() => parseInferRequest({ [LENGTH]: length }, body, limits)).toThrow('is no length within the body');
    }
    expect(() => parseInferRequest({}, body, { ...limits, maxJsonBytes: 10 })).toThrow('maxJsonBytes is 10');
  });

  it('passes on the error that a server answers', () => {
    expect(() => parseInferResponse(...bytesOf({ error: 'no model m' }), limits)).toThrow(
      'The inference server refused the request: no model m',
    );
  });

  it('E1: a mutated request parses or gives a typed error', () => {
    fc.assert(
      fc.property(tensorMap, fc.boolean(), fc.nat(), fc.nat(255), fc.nat(40), (tensors, binary, at, value, cut) => {
        const inputs = Object.fromEntries(
          Object.entries(tensors).filter(([, { type }]) => binary || /int|bool/.test(type)),
        );
        const [headers, body] = received(encodeInferRequest({ inputs, binary }));
        body[at % body.length] = value;
        try {
          parseInferRequest(headers, body.slice(0, cut === 0 ? at % body.length : undefined), limits);
        } catch (error) {
          expect(isD3Error(error)).toBe(true);
        }
      }),
      { seed: 5, numRuns: 2000 },
    );
  });
});
