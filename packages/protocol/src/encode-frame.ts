import { makeTensor, type Tensor, type TensorMap } from '@d3/tensor';
import type { BufferPool } from './buffer-pool.ts';
import { type CodedTensor, chooseCodec, codeTensor } from './code-tensor.ts';
import { protocolError } from './errors.ts';
import type { FrameHeader, TensorCodec } from './frame.ts';
import { MAX_MESSAGE_BYTES } from './frame-limits.ts';
import { encodeHeader } from './header-message.ts';
import { PREFIX_BYTES, writePrefix } from './message.ts';

/** Payload from which a frame goes in several messages, so that its receiver can time it. */
const TIMED_BYTES = 1 << 14;
const TIMED_MESSAGES = 4;
const MIN_MESSAGE_BYTES = 1024;
const MAX_PAYLOAD_BYTES = 0xffff_ffff;

/** A frame's header, before its tensors are known. */
export type FrameStart = Omit<FrameHeader, 'tensors'>;

/** How a frame is coded and cut. */
export interface EncodeFrameOptions {
  /** Longest message, prefix included; at least 1,024. 65,536 by default. */
  readonly maxMessageBytes?: number;
  /** Codec by tensor name. `pixels`: the tensor is a picture's bytes. Not named: {@link chooseCodec} decides. */
  readonly codecs?: Readonly<Record<string, TensorCodec>>;
  /**
   * Where payload messages and staging come from. The sender gives each message back once its socket has copied or sent it
   * (browsers: when `send` returns; `ws`: in its callback). The header message is not from the pool.
   */
  readonly pool?: BufferPool;
}

/**
 * A coded frame. Iterating makes the messages one by one, in the order in which they must be sent: those not asked for are
 * never made, so a cancel gets in between. Iterate once.
 */
export interface EncodedFrame extends Iterable<Uint8Array<ArrayBuffer>> {
  /** As it goes out, tensor table included. */
  readonly header: FrameHeader;
  /** Coded bytes of all tensors. */
  readonly payloadBytes: number;
  /** The header message and all payload messages. */
  readonly messageCount: number;
}

/**
 * Codes tensors into a frame.
 *
 * Tensors are read while the frame is iterated: leave them alone until then. Bytes are copied once, into the message.
 *
 * @throws D3Error `TENSOR_SIZE_MISMATCH`, `PROTOCOL_LIMIT_EXCEEDED` when the header does not fit a message, or the payload 4 GiB
 * @throws RangeError for `maxMessageBytes` under 1,024
 */
export function encodeFrame(start: FrameStart, tensors: TensorMap, options: EncodeFrameOptions = {}): EncodedFrame {
  const { maxMessageBytes = MAX_MESSAGE_BYTES, pool } = options;
  if (!(maxMessageBytes >= MIN_MESSAGE_BYTES)) throw new RangeError(`maxMessageBytes ${maxMessageBytes} is under 1024`);
  const coded: CodedTensor[] = [];
  const table = Object.entries(tensors).map(([name, tensor]) => {
    const { type, shape } = makeTensor(name, tensor.type, tensor.shape, tensor.bytes);
    const part = codeTensor(tensor, codecOf(name, tensor, options.codecs), pool);
    coded.push(part);
    return { name, type, shape, codec: part.codec, codedBytes: part.codedBytes };
  });
  const header: FrameHeader = { ...start, tensors: table };
  const payloadBytes = coded.reduce((sum, part) => sum + part.codedBytes, 0);
  const first = encodeHeader(header);
  checkSize('Header of a frame', first.byteLength, maxMessageBytes);
  checkSize('Payload of a frame', payloadBytes, MAX_PAYLOAD_BYTES);
  const chunkBytes = chunkSize(payloadBytes, maxMessageBytes);
  return {
    header,
    payloadBytes,
    messageCount: 1 + Math.ceil(payloadBytes / chunkBytes),
    *[Symbol.iterator]() {
      yield first;
      yield* payloadMessages(start, coded, { payloadBytes, chunkBytes, pool });
    },
  };
}

function codecOf(name: string, tensor: Tensor, codecs: EncodeFrameOptions['codecs'] = {}): TensorCodec {
  return (Object.hasOwn(codecs, name) ? codecs[name] : undefined) ?? chooseCodec(tensor);
}

function* payloadMessages(
  start: FrameStart,
  coded: readonly CodedTensor[],
  cut: { readonly payloadBytes: number; readonly chunkBytes: number; readonly pool: BufferPool | undefined },
): Generator<Uint8Array<ArrayBuffer>> {
  const { payloadBytes, chunkBytes, pool } = cut;
  const source = new PartReader(coded.flatMap((tensor) => tensor.parts));
  try {
    for (let offset = 0; offset < payloadBytes; offset += chunkBytes) {
      const length = PREFIX_BYTES + Math.min(chunkBytes, payloadBytes - offset);
      const message = pool?.take(length) ?? new Uint8Array(length);
      writePrefix(message, { part: 'payload', kind: start.kind, request: start.request, epoch: start.epoch, offset });
      source.fill(message, PREFIX_BYTES);
      yield message;
    }
  } finally {
    for (const tensor of coded) for (const buffer of tensor.staging) pool?.give(buffer);
  }
}

/** Reads views one after the other as if they were one. */
class PartReader {
  readonly #parts: readonly Uint8Array[];
  #index = 0;
  #offset = 0;

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
  }

  /** Fills `target` from `at` to its end. */
  fill(target: Uint8Array, at: number): void {
    for (let to = at; to < target.byteLength; ) {
      const part = this.#parts[this.#index];
      if (part === undefined) throw new RangeError('A tensor was changed while its frame was sent');
      const length = Math.min(part.byteLength - this.#offset, target.byteLength - to);
      target.set(part.subarray(this.#offset, this.#offset + length), to);
      to += length;
      this.#offset += length;
      if (this.#offset === part.byteLength) {
        this.#index++;
        this.#offset = 0;
      }
    }
  }
}

function chunkSize(payloadBytes: number, maxMessageBytes: number): number {
  const largest = maxMessageBytes - PREFIX_BYTES;
  if (payloadBytes < TIMED_BYTES) return largest;
  return Math.min(largest, Math.ceil(payloadBytes / TIMED_MESSAGES));
}

function checkSize(what: string, actual: number, max: number): void {
  if (actual <= max) return;
  throw protocolError('PROTOCOL_LIMIT_EXCEEDED', { what, actual, limit: 'maxMessageBytes', max });
}
