import { onnxError } from '../errors.ts';
import { elementTypeOf, type OnnxElementType, rawByteLength } from './element-codes.ts';
import { parseExternalLocation } from './external-location.ts';
import { onBytes, onFixed, onInts, onNumber, onString, readMessage, toNumber } from './field-reader.ts';
import type { Bytes, OnnxTensor } from './model.ts';

/** Data files by the path that the model names them with. */
export type ExternalFiles = ReadonlyMap<string, Bytes>;

/** The parts of a TensorProto as they stand in the file. */
interface TensorFields {
  name: string;
  typeCode: number;
  readonly shape: number[];
  raw: Bytes | null;
  /** Packed float_data and double_data, which are raw bytes already. */
  readonly fixed: Bytes[];
  readonly ints: bigint[];
  readonly strings: Bytes[];
  readonly external: Map<string, string>;
  location: number;
}

/**
 * Reads a TensorProto. Raw, float and double data stay views; integers stored as varints are decoded.
 *
 * @throws D3Error `ONNX_EXTERNAL_PATH`, `ONNX_EXTERNAL_MISSING`; RangeError when malformed
 */
export function readTensor(bytes: Bytes, files: ExternalFiles | undefined): OnnxTensor {
  const fields = readFields(bytes);
  const type = elementTypeOf(fields.typeCode);
  if (type === undefined) throw new RangeError(`tensor '${fields.name}' has unknown element type ${fields.typeCode}`);
  const base = { name: fields.name, type, shape: fields.shape };
  const expected = rawByteLength(type, countElements(base));
  if (fields.location === 1) {
    const external = parseExternalLocation(fields.name, fields.external);
    const data = files === undefined ? null : externalBytes(files, { tensor: fields.name, expected, ...external });
    return { ...base, external, data };
  }
  if (type === 'string') return { ...base, data: null, strings: fields.strings };
  const data = fields.raw ?? storedBytes(fields, type);
  if (data.byteLength !== expected) {
    throw new RangeError(
      `tensor '${base.name}' of type ${type} and shape [${base.shape}] needs ${expected} bytes and has ${data.byteLength}`,
    );
  }
  return { ...base, data };
}

function readFields(bytes: Bytes): TensorFields {
  const fields: TensorFields = {
    name: '',
    typeCode: 0,
    shape: [],
    raw: null,
    fixed: [],
    ints: [],
    strings: [],
    external: new Map(),
    location: 0,
  };
  const ints = onInts((value) => fields.ints.push(value));
  readMessage(bytes, {
    1: onInts((value) => fields.shape.push(toNumber(value))),
    2: onNumber((value) => {
      fields.typeCode = value;
    }),
    4: onFixed(4, (value) => fields.fixed.push(value)),
    5: ints,
    6: onBytes((value) => fields.strings.push(value)),
    7: ints,
    8: onString((value) => {
      fields.name = value;
    }),
    9: onBytes((value) => {
      fields.raw = value;
    }),
    10: onFixed(8, (value) => fields.fixed.push(value)),
    11: ints,
    13: onBytes((entry) => readEntry(entry, fields.external)),
    14: onNumber((value) => {
      fields.location = value;
    }),
  });
  return fields;
}

function readEntry(bytes: Bytes, entries: Map<string, string>): void {
  let key = '';
  let value = '';
  readMessage(bytes, {
    1: onString((text) => {
      key = text;
    }),
    2: onString((text) => {
      value = text;
    }),
  });
  entries.set(key, value);
}

function countElements(tensor: { readonly name: string; readonly shape: readonly number[] }): number {
  let count = 1;
  for (const size of tensor.shape) count *= size;
  if (!Number.isSafeInteger(count) || tensor.shape.some((size) => size < 0)) {
    throw new RangeError(`tensor '${tensor.name}' has shape [${tensor.shape}]`);
  }
  return count;
}

/** Data that is not in raw_data, as raw bytes. */
function storedBytes(fields: TensorFields, type: OnnxElementType): Bytes {
  if (fields.ints.length === 0) return joinBytes(fields.fixed);
  const width = Math.max(1, rawByteLength(type, 1));
  const view = new DataView(new ArrayBuffer(fields.ints.length * width));
  fields.ints.forEach((value, index) => {
    if (width === 8) view.setBigInt64(index * 8, value, true);
    else if (width === 4) view.setInt32(index * 4, Number(BigInt.asIntN(32, value)), true);
    else if (width === 2) view.setInt16(index * 2, Number(BigInt.asIntN(16, value)), true);
    else view.setInt8(index, Number(BigInt.asIntN(8, value)));
  });
  return new Uint8Array(view.buffer);
}

function joinBytes(parts: readonly Bytes[]): Bytes {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

function externalBytes(
  files: ExternalFiles,
  wanted: { tensor: string; path: string; offset: number; length?: number; expected: number },
): Bytes {
  const file = files.get(wanted.path);
  const details = { tensor: wanted.tensor, path: wanted.path, offset: wanted.offset, bytes: wanted.expected };
  if (file === undefined) throw onnxError('ONNX_EXTERNAL_MISSING', { ...details, found: 'there is no such file' });
  const length = wanted.length ?? file.byteLength - wanted.offset;
  if (length !== wanted.expected || wanted.offset + length > file.byteLength) {
    const found = `the file has ${file.byteLength} bytes, the model asks for ${length}`;
    throw onnxError('ONNX_EXTERNAL_MISSING', { ...details, found });
  }
  return file.subarray(wanted.offset, wanted.offset + length);
}
