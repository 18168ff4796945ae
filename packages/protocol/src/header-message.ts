import { isElementType } from '@d3/tensor';
import type { HopTiming, SegmentTiming } from './control.ts';
import { protocolError } from './errors.ts';
import type { FrameHeader, TensorCodec, WireTensor } from './frame.ts';
import { JsonField } from './json-field.ts';
import { type MessagePrefix, PREFIX_BYTES, readPrefix, writePrefix } from './message.ts';

const CODECS: readonly TensorCodec[] = ['raw', 'zeros', 'pixels'];
const MAX_TENSORS = 4096;
const MAX_LAYERS = 1 << 16;
const MAX_RANK = 16;
const MAX_STAGES = 16;
const MAX_DIMENSION = 0x7fff_ffff;
/** A timer that is set for longer fires at once. */
const MAX_DEADLINE_MS = 0x7fff_ffff;

/**
 * The header message of a frame: prefix, then the header as JSON. `encodeFrame` makes it from tensors; a relay makes it anew to
 * add its own timings.
 */
export function encodeHeader(header: FrameHeader): Uint8Array<ArrayBuffer> {
  const { kind, request, epoch, ...rest } = header;
  const json = new TextEncoder().encode(JSON.stringify(rest));
  const message = new Uint8Array(PREFIX_BYTES + json.byteLength);
  writePrefix(message, { part: 'header', kind, request, epoch, offset: 0 });
  message.set(json, PREFIX_BYTES);
  return message;
}

/**
 * Parses a header message. Sizes of tensors are not checked here but by the {@link FrameAssembler}, against its limits.
 *
 * @throws D3Error `PROTOCOL_HEADER_MALFORMED`, and those of {@link readPrefix}
 */
export function parseHeader(message: Uint8Array): FrameHeader {
  const prefix = readPrefix(message);
  const top = new JsonField(parseJson(message, prefix), '', (place, problem) => malformed(prefix, place, problem));
  top.keys(['tensors', 'deadlineMs', 'segments', 'hops', 'relayed']);
  const [deadlineMs, segments, hops] = [top.at('deadlineMs'), top.at('segments'), top.at('hops')];
  const relayed = top.at('relayed');
  return {
    kind: prefix.kind,
    request: prefix.request,
    epoch: prefix.epoch,
    tensors: top.at('tensors').items(MAX_TENSORS).map(wireTensor),
    ...(deadlineMs.absent ? {} : { deadlineMs: deadlineMs.number(MAX_DEADLINE_MS) }),
    ...(segments.absent ? {} : { segments: segments.items(MAX_STAGES).map(segmentTiming) }),
    ...(hops.absent ? {} : { hops: hops.items(MAX_STAGES).map(hopTiming) }),
    ...(relayed.absent ? {} : { relayed: relayed.flag(false) }),
  };
}

function wireTensor(field: JsonField): WireTensor {
  field.keys(['name', 'type', 'shape', 'codec', 'codedBytes']);
  const type = field.at('type').text();
  if (!isElementType(type)) throw field.at('type').refuse(`'${type.slice(0, 64)}' is not an element type`);
  const codecName = field.at('codec').text();
  const codec = CODECS.find((known) => known === codecName);
  if (codec === undefined) throw field.at('codec').refuse(`'${codecName.slice(0, 64)}' is not a codec`);
  const dimension = (size: JsonField): number => size.count(MAX_DIMENSION);
  return {
    name: field.at('name').text(),
    type,
    shape: field.at('shape').items(MAX_RANK).map(dimension),
    codec,
    codedBytes: field.at('codedBytes').count(),
  };
}

function segmentTiming(field: JsonField): SegmentTiming {
  field.keys(['tier', 'backend', 'layers', 'computeMs', 'queueMs', 'slowdown']);
  const index = (layer: JsonField): number => layer.count(MAX_LAYERS);
  return {
    tier: field.at('tier').text(),
    backend: field.at('backend').text(),
    layers: field.at('layers').items(MAX_LAYERS).map(index),
    computeMs: field.at('computeMs').number(),
    queueMs: field.at('queueMs').number(),
    slowdown: field.at('slowdown').number(),
  };
}

function hopTiming(field: JsonField): HopTiming {
  field.keys(['hop', 'bytesUp', 'bytesDown', 'ms']);
  return {
    hop: field.at('hop').text(),
    bytesUp: field.at('bytesUp').count(),
    bytesDown: field.at('bytesDown').count(),
    ms: field.at('ms').number(),
  };
}

function parseJson(message: Uint8Array, prefix: MessagePrefix): unknown {
  if (prefix.part !== 'header') throw malformed(prefix, 'byte 2', 'this is a payload message');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(message.subarray(PREFIX_BYTES)));
  } catch (cause) {
    throw malformed(prefix, '/', 'is not JSON', cause);
  }
}

function malformed(prefix: MessagePrefix, place: string, problem: string, cause?: unknown): Error {
  const { kind, request } = prefix;
  return protocolError('PROTOCOL_HEADER_MALFORMED', { kind, request, place, problem }, { cause });
}
