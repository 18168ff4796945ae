import { byteLength, type TensorMap } from '@d3/tensor';
import type { BoundaryTiming, HopTiming, SegmentTiming } from '../control.ts';
import { type EncodedFrame, encodeFrame } from '../encode-frame.ts';
import type { FrameHeader, TensorCodec, WireTensor } from '../frame.ts';
import { FrameAssembler } from '../frame-assembler.ts';

/** One request for {@link LinkClient.infer}. */
export interface LinkRequest {
  /** Id, unique on the link while in flight; the next free one by default. */
  readonly request?: number;
  /** An epoch that the peer said is ready. */
  readonly epoch: number;
  /** The boundary of this hop. */
  readonly tensors: TensorMap;
  /** Codecs by tensor name where the choice is not the protocol's; see {@link encodeFrame}. */
  readonly codecs?: Readonly<Record<string, TensorCodec>>;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** What came back for a {@link LinkRequest}. */
export interface LinkResult {
  /** Network outputs made behind this hop. */
  readonly outputs: TensorMap;
  /** Segments that ran behind this hop, nearest first. */
  readonly segments: readonly SegmentTiming[];
  /** This hop, then those behind it. */
  readonly hops: readonly HopTiming[];
  /** What each tensor took on this hop, upwards. */
  readonly sent: readonly BoundaryTiming[];
  /** Whether the tier behind this hop passed the result on as it came. */
  readonly relayed: boolean;
}

const MAX_RESULT_BYTES = 1 << 30;

/** Codes a request. */
export function encodeRequest(id: number, request: LinkRequest): EncodedFrame {
  const { epoch, deadlineMs, tensors, codecs } = request;
  const start = { kind: 'request' as const, request: id, epoch, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
  return encodeFrame(start, tensors, codecs === undefined ? {} : { codecs });
}

/** Puts one result together and accounts for its hop. */
export class ResultReceiver {
  readonly #assembler: FrameAssembler;
  readonly #hop: string;
  readonly #startedMs: number;
  readonly #sent: EncodedFrame;

  constructor(options: {
    readonly hop: string;
    readonly startedMs: number;
    readonly sent: EncodedFrame;
    readonly maxBytes?: number | undefined;
  }) {
    const { maxBytes = MAX_RESULT_BYTES } = options;
    this.#assembler = new FrameAssembler({
      limits: { maxTensorBytes: maxBytes, maxFrameBytes: maxBytes, maxInFlight: 1 },
    });
    this.#hop = options.hop;
    this.#startedMs = options.startedMs;
    this.#sent = options.sent;
  }

  /**
   * Takes a message of the result.
   *
   * @returns the result once it is whole
   * @throws D3Error when the message is not what its frame announced
   */
  push(message: Uint8Array): LinkResult | undefined {
    const event = this.#assembler.push(message);
    if (event === undefined) return undefined;
    if ('rejected' in event) throw event.rejected.error;
    const { header, tensors } = event.frame;
    const { segments = [], hops = [], relayed = false } = header;
    const hop = {
      hop: this.#hop,
      bytesUp: frameBytes(this.#sent.header),
      bytesDown: frameBytes(header),
      ms: Math.max(0, performance.now() - this.#startedMs - spentBehind(header)),
    };
    return {
      outputs: tensors,
      segments,
      hops: [hop, ...hops],
      sent: this.#sent.header.tensors.map(boundaryTiming),
      relayed,
    };
  }
}

/** Bytes of a frame's coded tensors. */
export function frameBytes(header: FrameHeader): number {
  return header.tensors.reduce((sum, { codedBytes }) => sum + codedBytes, 0);
}

/** Milliseconds that a result says were spent behind the hop it crossed. */
export function spentBehind(header: Pick<FrameHeader, 'segments' | 'hops'>): number {
  const computing = (header.segments ?? []).reduce((sum, { computeMs, queueMs }) => sum + computeMs + queueMs, 0);
  return (header.hops ?? []).reduce((sum, { ms }) => sum + ms, computing);
}

function boundaryTiming({ name, codedBytes, codec, type, shape }: WireTensor): BoundaryTiming {
  return { name, bytes: byteLength(type, shape), codedBytes, codec };
}
