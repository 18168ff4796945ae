import type { WeightRef } from '@d3/partition';
import { byteLength, ELEMENT_TYPES } from '@d3/tensor';
import type { Manifest, ManifestLayer, ManifestTensor, ManifestWeight, SpatialGeometry } from '../manifest.ts';
import { isOnnxElementType, rawByteLength } from '../proto/element-codes.ts';
import type { Bytes } from '../proto/model.ts';
import { checkReferences } from './check-references.ts';
import {
  count,
  field,
  flag,
  listOf,
  MODEL_NAME,
  matching,
  misfit,
  oneOf,
  type Placed,
  positive,
  text,
} from './json-checks.ts';

/** The largest manifest.json that is looked at; real ones are below 1 MB. */
export const MAX_MANIFEST_BYTES: number = 64 * 2 ** 20;
const MAX_ITEMS = 200_000;
const MAX_RANK = 64;
const HASH = /^[0-9a-f]{64}$/;

/**
 * Parses a manifest from outside: every field is checked, every reference resolved, sizes against shapes, order against the
 * graph; unknown fields are dropped. What it returns needs no further check.
 *
 * @param source - manifest.json's bytes, or the JSON value they hold
 * @throws D3Error `ONNX_PACK_INVALID`, naming the place
 */
export function parseManifest(source: Bytes | unknown): Manifest {
  const root = { value: source instanceof Uint8Array ? parseJson(source) : source, place: '' };
  if (field(root, 'format').value !== 1) throw misfit('format', 'this version reads format 1');
  const manifest: Manifest = {
    format: 1,
    name: matching(field(root, 'name'), MODEL_NAME),
    hash: matching(field(root, 'hash'), HASH),
    sourceSha256: matching(field(root, 'sourceSha256'), HASH),
    level: oneOf(field(root, 'level'), ['basic', 'extended']),
    opset: count(field(root, 'opset')),
    layers: listOf(field(root, 'layers'), MAX_ITEMS, parseLayer),
    tensors: listOf(field(root, 'tensors'), MAX_ITEMS, parseTensor),
    weights: listOf(field(root, 'weights'), MAX_ITEMS, parseWeight),
    totalFlops: count(field(root, 'totalFlops')),
    totalWeightBytes: count(field(root, 'totalWeightBytes')),
  };
  checkReferences(manifest);
  return manifest;
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength > MAX_MANIFEST_BYTES)
    throw misfit('', `${bytes.byteLength} bytes are more than ${MAX_MANIFEST_BYTES}`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw misfit('', `it is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function parseLayer(item: Placed): ManifestLayer {
  const names = (key: string) => listOf(field(item, key), MAX_ITEMS, text);
  const weights = field(item, 'weights');
  const spatial = field(item, 'spatial');
  return {
    name: text(field(item, 'name')),
    kind: text(field(item, 'kind')),
    flops: count(field(item, 'flops')),
    weightBytes: count(field(item, 'weightBytes')),
    inputs: names('inputs'),
    outputs: names('outputs'),
    ...(weights.value === undefined ? {} : { weights: listOf(weights, MAX_ITEMS, parseWeightRef) }),
    nodes: listOf(field(item, 'nodes'), MAX_ITEMS, count),
    ops: names('ops'),
    weightNames: names('weightNames'),
    ...(spatial.value === undefined ? {} : { spatial: parseSpatial(spatial) }),
  };
}

function parseWeightRef(item: Placed): WeightRef {
  return { id: matching(field(item, 'id'), HASH), bytes: count(field(item, 'bytes')) };
}

function parseSpatial(item: Placed): SpatialGeometry {
  const pair = (key: string): readonly [number, number] => {
    const [first, second, ...rest] = listOf(field(item, key), 2, positive);
    if (first === undefined || second === undefined || rest.length > 0)
      throw misfit(item.place, `${key} needs two numbers`);
    return [first, second];
  };
  const pads = listOf(field(item, 'pads'), 4, count);
  const [top, left, bottom, right] = pads;
  if (top === undefined || left === undefined || bottom === undefined || right === undefined) {
    throw misfit(item.place, 'pads needs four numbers');
  }
  return {
    kernel: pair('kernel'),
    stride: pair('stride'),
    pads: [top, left, bottom, right],
    dilation: pair('dilation'),
    groups: positive(field(item, 'groups')),
  };
}

function parseShape(item: Placed): readonly number[] {
  return listOf(item, MAX_RANK, count);
}

function parseTensor(item: Placed): ManifestTensor {
  const type = oneOf(field(item, 'type'), ELEMENT_TYPES);
  const shape = parseShape(field(item, 'shape'));
  const bytes = count(field(item, 'bytes'));
  if (bytes !== byteLength(type, shape)) throw misfit(item.place, `${bytes} bytes do not fit ${type} [${shape}]`);
  const name = text(field(item, 'name'));
  return { name, type, shape, bytes, isInput: flag(field(item, 'isInput')), isOutput: flag(field(item, 'isOutput')) };
}

function parseWeight(item: Placed): ManifestWeight {
  const type = text(field(item, 'type'));
  if (!isOnnxElementType(type)) throw misfit(item.place, `'${type}' is no element type`);
  const shape = parseShape(field(item, 'shape'));
  const bytes = count(field(item, 'bytes'));
  const expected = rawByteLength(
    type,
    shape.reduce((product, size) => product * size, 1),
  );
  if (bytes !== expected) throw misfit(item.place, `${bytes} bytes do not fit ${type} [${shape}]`);
  return { name: text(field(item, 'name')), id: matching(field(item, 'id'), HASH), bytes, type, shape };
}
