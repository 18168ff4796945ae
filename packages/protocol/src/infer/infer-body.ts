import { byteLength, type Tensor, type TensorMap } from '@d3/tensor';
import { checkLimit } from '../check-table.ts';
import type { Limits } from '../control.ts';
import { protocolError } from '../errors.ts';
import { JsonField } from '../json-field.ts';
import { datatypeOf, elementTypeOf, parseJsonData, writeJsonData } from './datatype.ts';

/** HTTP headers, as Node (an object with lower-case names) or fetch gives them. */
export type InferHeaders =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | {
      /** As `Headers` of fetch: case does not matter. */
      get(name: string): string | null;
    };

/** What a receiver of inference messages accepts. */
export interface InferLimits extends Pick<Limits, 'maxTensorBytes' | 'maxFrameBytes'> {
  /** Longest JSON part. 64 MiB by default. */
  readonly maxJsonBytes?: number;
}

/** A message ready for HTTP. */
export interface InferHttp {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

const LENGTH_HEADER = 'Inference-Header-Content-Length';
const MAX_JSON_BYTES = 1 << 26;
const MAX_TENSORS = 256;
const MAX_RANK = 16;
const MAX_DIMENSION = 0x7fff_ffff;

/** A body cut into its JSON and the binary data behind it. */
export interface InferParts {
  readonly json: JsonField;
  readonly binary: Uint8Array;
}

/** @throws D3Error `PROTOCOL_INFER_MALFORMED`, `PROTOCOL_LIMIT_EXCEEDED` */
export function splitBody(headers: InferHeaders, body: Uint8Array, limits: InferLimits): InferParts {
  const text = headerOf(headers, LENGTH_HEADER);
  const length = text === undefined ? body.byteLength : Number(text);
  if (text !== undefined && !(/^\d{1,15}$/.test(text) && length <= body.byteLength)) {
    throw malformed(LENGTH_HEADER, `'${text.slice(0, 32)}' is no length within the body of ${body.byteLength} bytes`);
  }
  checkLimit('JSON of an inference message', length, {
    limit: 'maxJsonBytes',
    max: limits.maxJsonBytes ?? MAX_JSON_BYTES,
  });
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body.subarray(0, length)));
  } catch (cause) {
    throw malformed('/', 'is not JSON', cause);
  }
  return { json: new JsonField(json, '', malformed), binary: body.subarray(length) };
}

/**
 * Reads the tensors of `inputs` or `outputs`, in their order.
 *
 * @throws D3Error `PROTOCOL_INFER_MALFORMED`, `PROTOCOL_INFER_DATATYPE`, `PROTOCOL_LIMIT_EXCEEDED`
 */
export function parseTensors(list: JsonField, binary: Uint8Array, limits: InferLimits): TensorMap {
  const tensors = new Map<string, Tensor>();
  let offset = 0;
  let totalBytes = 0;
  for (const item of list.items(MAX_TENSORS)) {
    const form = parseForm(item);
    if (tensors.has(form.name)) throw item.at('name').refuse(`'${form.name}' is there twice`);
    checkLimit(`Size in bytes of tensor '${form.name}'`, form.bytes, {
      limit: 'maxTensorBytes',
      max: limits.maxTensorBytes,
    });
    totalBytes += form.bytes;
    checkLimit('Size in bytes of all tensors', totalBytes, { limit: 'maxFrameBytes', max: limits.maxFrameBytes });
    if (form.binaryBytes === undefined) {
      tensors.set(form.name, parseJsonData(item.at('data'), form));
      continue;
    }
    if (!item.at('data').absent) throw item.at('data').refuse('is there beside binary_data_size: send one of them');
    const size = item.at('parameters').at('binary_data_size');
    if (form.binaryBytes !== form.bytes) throw size.refuse(`is ${form.binaryBytes} and its shape needs ${form.bytes}`);
    const end = offset + form.bytes;
    if (end > binary.byteLength) throw size.refuse(`reaches byte ${end} of ${binary.byteLength} bytes of binary data`);
    tensors.set(form.name, binaryTensor(form, binary.subarray(offset, end), size));
    offset = end;
  }
  if (offset !== binary.byteLength) {
    throw malformed('its end', `${binary.byteLength - offset} bytes of binary data belong to no tensor`);
  }
  return Object.fromEntries(tensors);
}

/** A tensor to write, and how. */
export interface TensorToWrite {
  readonly name: string;
  readonly tensor: Tensor;
  readonly binary: boolean;
}

/**
 * Makes a body: JSON from `fields` and, under `listName`, the tensors; then the binary ones, each copied once.
 *
 * @throws D3Error `PROTOCOL_INFER_NOT_JSON`
 */
export function joinBody(
  fields: Readonly<Record<string, unknown>>,
  listName: 'inputs' | 'outputs',
  tensors: readonly TensorToWrite[],
): InferHttp {
  const list = tensors.map(writeTensor).join(',');
  const rest = JSON.stringify(fields).slice(1);
  const json = new TextEncoder().encode(`{"${listName}":[${list}]${rest === '}' ? '' : ','}${rest}`);
  const binary = tensors.filter((item) => item.binary);
  if (binary.length === 0) return { headers: { 'Content-Type': 'application/json' }, body: json };
  const bytes = binary.reduce((sum, item) => sum + item.tensor.bytes.byteLength, json.byteLength);
  const body = new Uint8Array(bytes);
  body.set(json);
  let offset = json.byteLength;
  for (const { tensor } of binary) {
    body.set(tensor.bytes, offset);
    offset += tensor.bytes.byteLength;
  }
  return {
    headers: { 'Content-Type': 'application/octet-stream', [LENGTH_HEADER]: String(json.byteLength) },
    body,
  };
}

function writeTensor({ name, tensor, binary }: TensorToWrite): string {
  const { type, shape, bytes } = tensor;
  const start = JSON.stringify({ name, shape, datatype: datatypeOf(type) }).slice(0, -1);
  const data = binary
    ? `"parameters":{"binary_data_size":${bytes.byteLength}}`
    : `"data":${writeJsonData(name, tensor)}`;
  return `${start},${data}}`;
}

interface TensorForm extends Pick<Tensor, 'type' | 'shape'> {
  readonly name: string;
  readonly bytes: number;
  readonly binaryBytes: number | undefined;
}

function parseForm(item: JsonField): TensorForm {
  const name = item.at('name').text();
  const type = elementTypeOf(name, item.at('datatype').text());
  const shape = item
    .at('shape')
    .items(MAX_RANK)
    .map((size) => size.count(MAX_DIMENSION));
  const parameters = item.at('parameters');
  const size = parameters.absent ? parameters : parameters.at('binary_data_size');
  return { name, type, shape, bytes: byteLength(type, shape), binaryBytes: size.absent ? undefined : size.count() };
}

function binaryTensor(form: TensorForm, view: Uint8Array, size: JsonField): Tensor {
  if (form.type === 'bool' && view.some((byte) => byte > 1)) throw size.refuse('stands for bytes other than 0 and 1');
  return { type: form.type, shape: form.shape, bytes: alignBytes(view) };
}

/** The same bytes at an offset that is a multiple of 8; copied unless they lie so already. */
function alignBytes(view: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength: length } = view;
  if (buffer instanceof ArrayBuffer && byteOffset % 8 === 0) return new Uint8Array(buffer, byteOffset, length);
  const copy = new Uint8Array(length);
  copy.set(view);
  return copy;
}

function headerOf(headers: InferHeaders, name: string): string | undefined {
  if (typeof headers.get === 'function') return headers.get(name) ?? undefined;
  const value = (headers as Readonly<Record<string, string | readonly string[] | undefined>>)[name.toLowerCase()];
  return typeof value === 'object' ? value[0] : value;
}

/** @returns the error, not thrown */
export function malformed(place: string, problem: string, cause?: unknown): Error {
  return protocolError('PROTOCOL_INFER_MALFORMED', { place, problem }, { cause });
}
