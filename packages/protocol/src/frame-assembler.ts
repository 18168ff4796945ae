import { type D3Error, isD3Error } from '@d3/errors';
import type { Tensor, TensorMap } from '@d3/tensor';
import { ArrivalLog, type FrameTiming } from './arrival-log.ts';
import type { BufferPool } from './buffer-pool.ts';
import { checkLimit, checkTable } from './check-table.ts';
import { protocolError } from './errors.ts';
import type { FrameHeader, FrameKind } from './frame.ts';
import { type FrameLimits, fillLimits } from './frame-limits.ts';
import { parseHeader } from './header-message.ts';
import { type MessagePrefix, PREFIX_BYTES, readPrefix } from './message.ts';
import { stalledFrame } from './stalled-frame.ts';
import { TensorReceiver } from './tensor-receiver.ts';

/** A whole frame. The tensors are the receiver's, to keep or to give back to the pool. */
export interface AssembledFrame {
  readonly header: FrameHeader;
  readonly tensors: TensorMap;
  readonly timing: FrameTiming;
}

/** A frame that was dropped for what it was, or what it would have become. Other frames go on. */
export interface RejectedFrame {
  readonly kind: FrameKind;
  readonly request: number;
  readonly epoch: number;
  readonly error: D3Error;
}

/** What a message completed or ruined. */
export type FrameEvent = { readonly frame: AssembledFrame } | { readonly rejected: RejectedFrame };

/** Everything a {@link FrameAssembler} needs to know. */
export interface FrameAssemblerOptions {
  readonly limits: FrameLimits;
  /**
   * Called with each header before memory is allocated; throws a D3Error when that frame is not wanted (see
   * {@link checkExpected}). By default every frame within the limits is.
   */
  readonly expect?: (header: FrameHeader) => void;
  /** Where tensors' memory comes from. */
  readonly pool?: BufferPool;
  /** Milliseconds of a monotonic clock; `performance.now` by default. */
  readonly now?: () => number;
}

interface Assembly {
  readonly header: FrameHeader;
  readonly receivers: readonly TensorReceiver[];
  readonly payloadBytes: number;
  readonly log: ArrivalLog;
  index: number;
  received: number;
}

/** Ids remembered so that what still comes of a dropped frame is passed over in silence. */
const MAX_DROPPED = 1024;

/**
 * Puts the messages of one direction of one link together into frames; those of different requests may be interleaved. Bytes
 * are copied once, into memory allocated when the header has been found good.
 */
export class FrameAssembler {
  readonly #limits: Required<FrameLimits>;
  readonly #expect: (header: FrameHeader) => void;
  readonly #pool: BufferPool | undefined;
  readonly #now: () => number;
  readonly #assemblies = new Map<string, Assembly>();
  readonly #dropped = new Set<string>();

  constructor(options: FrameAssemblerOptions) {
    this.#limits = fillLimits(options.limits);
    this.#expect = options.expect ?? (() => {});
    this.#pool = options.pool;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Frames begun and not yet whole. */
  get pending(): number {
    return this.#assemblies.size;
  }

  /**
   * Takes one binary message, at any alignment; it may be reused when this returns.
   *
   * @returns the frame that it completed or ruined, if any
   * @throws D3Error `PROTOCOL_MESSAGE_MALFORMED`, `PROTOCOL_VERSION_UNSUPPORTED`, `PROTOCOL_LIMIT_EXCEEDED` (too long) for
   * a message that belongs to no frame; all frames stay as they are
   */
  push(message: Uint8Array): FrameEvent | undefined {
    const max = this.#limits.maxMessageBytes;
    checkLimit('Length of a binary message', message.byteLength, { limit: 'maxMessageBytes', max });
    const prefix = readPrefix(message);
    try {
      const frame = prefix.part === 'header' ? this.#begin(message, prefix) : this.#continue(message, prefix);
      return frame === undefined ? undefined : { frame };
    } catch (error) {
      this.#discard(prefix);
      if (!isD3Error(error)) throw error;
      const { kind, request, epoch } = prefix;
      return { rejected: { kind, request, epoch, error } };
    }
  }

  /** Forgets a frame that is not wanted any more, and passes over what still comes of it. Unknown ones are ignored. */
  drop(request: number, kind: FrameKind = 'request'): void {
    if (this.#assemblies.has(keyOf({ kind, request }))) this.#discard({ kind, request });
  }

  /**
   * Drops frames of which nothing came for `idleMs`: their sender has stopped, and they hold memory and a place among those under
   * way. To be called now and then.
   */
  expire(idleMs: number): RejectedFrame[] {
    const nowMs = this.#now();
    const stalled = [...this.#assemblies.values()].filter(({ log }) => nowMs - log.endMs >= idleMs);
    return stalled.map(({ header, received }) => {
      this.#discard(header);
      const { kind, request, epoch } = header;
      const error = stalledFrame({ kind, request, idleMs, received });
      return { kind, request, epoch, error };
    });
  }

  /** Forgets everything: the link is gone. */
  clear(): void {
    for (const assembly of this.#assemblies.values()) this.#discard(assembly.header);
    this.#dropped.clear();
  }

  #begin(message: Uint8Array, prefix: MessagePrefix): AssembledFrame | undefined {
    const key = keyOf(prefix);
    const { kind, request } = prefix;
    if (this.#assemblies.has(key)) throw protocolError('PROTOCOL_FRAME_DUPLICATE', { kind, request });
    this.#dropped.delete(key);
    const max = this.#limits.maxInFlight;
    checkLimit('Number of frames under way', this.#assemblies.size + 1, { limit: 'maxInFlight', max });
    const header = parseHeader(message);
    checkTable(header, this.#limits);
    this.#expect(header);
    const assembly: Assembly = {
      header,
      receivers: header.tensors.map((tensor) => new TensorReceiver(tensor, this.#pool)),
      payloadBytes: header.tensors.reduce((sum, tensor) => sum + tensor.codedBytes, 0),
      log: new ArrivalLog(this.#now()),
      ...{ index: 0, received: 0 },
    };
    this.#assemblies.set(key, assembly);
    return assembly.payloadBytes === 0 ? this.#finish(assembly) : undefined;
  }

  #continue(message: Uint8Array, prefix: MessagePrefix): AssembledFrame | undefined {
    const assembly = this.#assemblies.get(keyOf(prefix));
    const { kind, request, offset } = prefix;
    if (assembly === undefined) {
      if (this.#dropped.has(keyOf(prefix))) return undefined;
      throw protocolError('PROTOCOL_PAYLOAD_UNANNOUNCED', { kind, request });
    }
    if (offset !== assembly.received) {
      throw protocolError('PROTOCOL_PAYLOAD_ORDER', { kind, request, actual: offset, expected: assembly.received });
    }
    const end = offset + message.byteLength - PREFIX_BYTES;
    if (end > assembly.payloadBytes) {
      const announced = assembly.payloadBytes;
      throw protocolError('PROTOCOL_PAYLOAD_SURPLUS', { kind, request, actual: end, announced });
    }
    assembly.log.add(message.byteLength, this.#now());
    copyPayload(assembly, message.subarray(PREFIX_BYTES));
    return assembly.received === assembly.payloadBytes ? this.#finish(assembly) : undefined;
  }

  #finish(assembly: Assembly): AssembledFrame {
    const { header, receivers, log } = assembly;
    const entries = receivers.map((receiver, index): [string, Tensor] => [
      header.tensors[index]?.name ?? '',
      receiver.finish(),
    ]);
    this.#assemblies.delete(keyOf(header));
    return { header, tensors: Object.fromEntries(entries), timing: log.timing() };
  }

  #discard(frame: { readonly kind: FrameKind; readonly request: number }): void {
    const key = keyOf(frame);
    for (const receiver of this.#assemblies.get(key)?.receivers ?? []) this.#pool?.give(receiver.bytes);
    this.#assemblies.delete(key);
    this.#dropped.add(key);
    const [oldest] = this.#dropped;
    if (this.#dropped.size > MAX_DROPPED && oldest !== undefined) this.#dropped.delete(oldest);
  }
}

function copyPayload(assembly: Assembly, payload: Uint8Array): void {
  let at = 0;
  while (at < payload.byteLength) {
    const receiver = assembly.receivers[assembly.index];
    if (receiver === undefined) throw new RangeError('Payload beyond the last tensor');
    const length = Math.min(receiver.missingBytes, payload.byteLength - at);
    receiver.write(payload.subarray(at, at + length));
    at += length;
    if (receiver.missingBytes === 0) assembly.index++;
  }
  assembly.received += payload.byteLength;
}

function keyOf(frame: { readonly kind: FrameKind; readonly request: number }): string {
  return `${frame.kind} ${frame.request}`;
}
